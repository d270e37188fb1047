# The workflow behind run_all.sh: prepare -> train (only what has no record) -> chapters -> report.
# On a cluster, without run_all.sh: snakemake --profile profiles/slurm --config profile=full (profiles/README.md)

import re
import shlex
import sys
from pathlib import Path

from cxr_helpers import experiments, paths, records
from cxr_helpers.workflow import chapter_files, pipeline

PROFILE = config.get("profile", "smoke")
RETRAIN = bool(config.get("retrain"))
GPUS = int(config.get("gpus", 0))  # of one job
DOCUMENTS = config.get("documents", "thesis,supplement" if PROFILE == "full" else "thesis").split(",")
ONLY = config.get("only")
CHAPTERS = {"thesis": chapter_files.of("thesis"), "supplement": chapter_files.of("supplement")}
REPORTED = [ONLY] if ONLY else [chapter for document in DOCUMENTS for chapter in CHAPTERS[document]]
EXPERIMENTS = experiments.load(PROFILE)
PACKAGE = Path(experiments.__file__).parent
CXR = f"{shlex.quote(sys.executable)} -m cxr_helpers"


def local(path):
    """Name a file relative to the checkout if it lies in it."""
    return str(path.relative_to(paths.ROOT) if path.is_relative_to(paths.ROOT) else path)


# Records are never outputs here, because a job's outputs are deleted before it starts and when it fails. A record that
# is there is a source file like any other; for one that is being made stands a marker (workflow.py clears old ones).
# An experiment that waits for something is not made by itself, but is a source once it has been made.
RECORDED = {name: records.recorded(experiment, PROFILE) for name, experiment in EXPERIMENTS.items()}
PENDING = {name for name, experiment in EXPERIMENTS.items() if not experiment.waits_for and (RETRAIN or not RECORDED[name])}


def job(name):
    """Small models cost less than the start of a process, so that a chapter's are made in one; others alone."""
    return EXPERIMENTS[name].chapter if PROFILE == "smoke" else name


# All of them: a job that starts on another machine, or starts again there, finds what has been recorded since.
JOBS = {}
for name in (name for name, experiment in EXPERIMENTS.items() if not experiment.waits_for):
    JOBS.setdefault(job(name), []).append(name)


def markers(names):
    return sorted({MARKER.format(job=job(name)) for name in names if name in PENDING})


def members(work):
    """Return the markers of what an ensemble or a cascade joins; what the same job makes comes in the file's order."""
    joined = {member for name in JOBS[work] for member in EXPERIMENTS[name].configs[0].members}
    return markers(joined - set(JOBS[work]))


def trained(chapter):
    """Return the records that a chapter says it reads, and the markers of those that are still to be made.

    A chapter that is made alone does without what it shows only if it is there, and the thesis that is made without the
    supplement without the supplement's experiments.
    """
    names = chapter_files.experiments_read(chapter, PROFILE, whole=not ONLY)
    names = [name for name in names if ONLY or EXPERIMENTS[name].chapter in REPORTED]
    kept = [run for name in names if name not in PENDING for run in EXPERIMENTS[name].configs if RECORDED[name]]
    return [local(paths.runs(PROFILE) / run.run_id / "run.json") for run in kept] + markers(names)


MANIFEST = local(paths.build(PROFILE) / "manifest.csv")
MARKER = local(pipeline.markers(PROFILE) / "{job}")
EXECUTED = local(chapter_files.executed("{chapter}", PROFILE))
CODE = sorted(local(path) for path in PACKAGE.rglob("*") if path.suffix in (".py", ".toml"))
REPORT = [local(path) for path in pipeline.report_files(PROFILE, DOCUMENTS)]
# Where an executor has other machines than this one, --set-threads of its profile says how many cores a run takes.
HALF = max(1, (workflow.resource_settings.cores or 8) // 2)


rule all:
    input:
        [trained(chapter) for chapter in REPORTED],
        expand(EXECUTED, chapter=REPORTED) if ONLY else REPORT,


rule runs:  # the training alone, for a machine that is lent for it
    input:
        MANIFEST,
        markers(EXPERIMENTS),


# Memory (MB) and time (minutes) bind no local run: they are what a job asks of a cluster, with room to spare.
rule prepare:
    output:
        MANIFEST,
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        made=str(paths.build(PROFILE) / "manifest.csv"),
    shell:  # a storage plugin looks for its copy elsewhere
        "{CXR} prepare --profile {PROFILE} && ([ -e {output:q} ] || cp {params.made:q} {output:q})"


rule train:
    input:
        MANIFEST,
        lambda wildcards: members(wildcards.job),
    output:
        touch(MARKER),
    wildcard_constraints:
        job="|".join(map(re.escape, JOBS)) or "none",
    # Two runs side by side use the cores better than one after the other; an accelerator takes one at a time.
    threads: HALF
    resources:
        accelerator=1,
        gpu=GPUS,
        mem_mb=8000 if PROFILE == "full" else 4000,
        runtime=720 if PROFILE == "full" else 60,
    params:
        experiments=lambda wildcards: JOBS[wildcards.job],
        runs=lambda wildcards: [config.run_id for name in JOBS[wildcards.job] for config in EXPERIMENTS[name].configs],
        retrain="--retrain" if RETRAIN else "",
    shell:
        "{CXR} train {params.experiments:q} --profile {PROFILE} {params.retrain}"


rule chapter:
    input:
        lambda wildcards: trained(wildcards.chapter),
        lambda wildcards: [local(path) for path in chapter_files.files_read(wildcards.chapter, PROFILE)],
        CODE,  # whole: what a chapter reaches of it is not worked out
        MANIFEST,
        notebook=lambda wildcards: local(chapter_files.source(wildcards.chapter)),
    output:
        EXECUTED,
    resources:
        mem_mb=6000,
        runtime=60,
    shell:
        "{CXR} execute {wildcards.chapter} --profile {PROFILE}"


rule render:
    input:
        expand(EXECUTED, chapter=REPORTED),
        CODE,
        [local(path) for path in paths.TEMPLATE.rglob("*") if path.is_file()],
        [local(path) for path in (paths.ROOT / "reports" / "checklists").glob("*")],
        [local(path) for path in (paths.reports(PROFILE) / "models").glob("default.md")],
        [local(path) for path in (paths.ROOT / "reports").glob("*.md")],
        "reports/references.bib",
    output:
        [update(path) for path in REPORT],  # the report of before stays until the new one is whole
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        documents=DOCUMENTS,
    shell:
        "{CXR} render {params.documents} --profile {PROFILE}"
