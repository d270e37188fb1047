# The workflow behind run_all.sh: prepare -> train (only what has no record) -> chapters -> report.
# On a cluster, without run_all.sh: snakemake --profile profiles/slurm --config profile=full (profiles/README.md)

import re
import shlex
import sys

from cxr_helpers import experiments, paths, records
from cxr_helpers.workflow import chapter_files, imports, pipeline

PROFILE = config.get("profile", "smoke")
RETRAIN = bool(config.get("retrain"))
GPUS = int(config.get("gpus", 0))  # of one job; more than one share each batch
CHAPTERS = [config["only"]] if "only" in config else chapter_files.names()
SYSTEMS = experiments.load(PROFILE)
SMALL = ("published*.csv", "future_work.csv", "*.toml", "measurements/*.csv", "search/*.csv", "tables/explanation_measures.csv")
SMALL += ("runs/*/external.csv", "runs/*/perturbed*")
CXR = f"{shlex.quote(sys.executable)} -m cxr_helpers.cli"


def local(path):
    """Name a file relative to the checkout if it lies in it."""
    return str(path.relative_to(paths.ROOT) if path.is_relative_to(paths.ROOT) else path)


# Records are never outputs here, because a job's outputs are deleted before it starts and when it fails. A record that
# is there is a source file like any other; for one that is being made stands a marker (workflow.py clears old ones).
# A system that waits for something is not made by itself, but is a source once it has been made.
RECORDED = {name: records.recorded_way(system, PROFILE) for name, system in SYSTEMS.items()}
PENDING = {name for name, system in SYSTEMS.items() if not system.waits_for and (RETRAIN or not RECORDED[name])}


def reported(chapter):
    """A chapter reports its own systems and those it names; one of its own none, which reads records, reports all."""
    source = chapter_files.source(chapter).read_text(encoding="utf-8")
    own = [name for name, system in SYSTEMS.items() if system.chapter == chapter]
    named = [name for name in SYSTEMS if f'\\"{name}\\"' in source]
    if own:
        return sorted({*own, *named})
    return list(SYSTEMS) if re.search(r"\b(records|candidates|accelerator_tables)\.", source) else []


def job(name):
    """Small models cost less than the start of a process, so that a chapter's are made in one; others alone."""
    return SYSTEMS[name].chapter if PROFILE == "smoke" else name


# All of them: a job that starts on another machine, or starts again there, finds what has been recorded since.
JOBS = {}
for name in (name for name, system in SYSTEMS.items() if not system.waits_for):
    JOBS.setdefault(job(name), []).append(name)


def markers(names):
    return sorted({MARKER.format(job=job(name)) for name in names if name in PENDING})


def members(work):
    """Return the markers of what an ensemble or a cascade joins; what the same job makes comes in the file's order."""
    joined = {member for name in JOBS[work] for member in SYSTEMS[name].configs[0].members}
    return markers(joined - set(JOBS[work]))


def trained(chapter):
    names = reported(chapter)
    kept = [run for name in names if name not in PENDING for run in RECORDED[name] or ()]
    return [local(paths.runs(PROFILE) / run.run_id / "run.json") for run in kept] + markers(names)


MANIFEST = local(paths.build(PROFILE) / "manifest.csv")
MARKER = local(pipeline.markers(PROFILE) / "{job}")
EXECUTED = local(chapter_files.executed("{chapter}", PROFILE))
REPORT = [local(path) for path in pipeline.report_files(PROFILE)]
# Where an executor has other machines than this one, --set-threads of its profile says how many cores a run takes.
HALF = max(1, (workflow.resource_settings.cores or 8) // 2)


rule all:
    input:
        [trained(chapter) for chapter in CHAPTERS],
        expand(EXECUTED, chapter=CHAPTERS) if "only" in config else REPORT,


rule runs:  # the training alone, for a machine that is lent for it
    input:
        MANIFEST,
        markers(SYSTEMS),


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
        systems=lambda wildcards: JOBS[wildcards.job],
        runs=lambda wildcards: [config.run_id for name in JOBS[wildcards.job] for config in SYSTEMS[name].configs],
        retrain="--retrain" if RETRAIN else "",
        devices=f"CXR_DEVICES={GPUS} " if GPUS else "",
    shell:
        "{params.devices}{CXR} train {params.systems:q} --profile {PROFILE} {params.retrain}"


rule chapter:
    input:
        lambda wildcards: trained(wildcards.chapter),
        lambda wildcards: [local(path) for path in imports.reached(chapter_files.source(wildcards.chapter))],
        [local(path) for pattern in SMALL for path in (paths.ROOT / "reports").glob(pattern)],
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
        expand(EXECUTED, chapter=chapter_files.names()),
        [local(path) for path in imports.reached(imports.PACKAGE / "report" / "rendering.py")],
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
    shell:
        "{CXR} render --profile {PROFILE}"
