# The workflow behind run_all.sh: prepare -> train (only what has no record) -> chapters -> report.
# On a cluster, without run_all.sh: snakemake --executor slurm --jobs 20 --config profile=full

import re
import shlex
import sys

from cxr_helpers import experiments, imports, notebooks, paths, workflow as entry

PROFILE = config.get("profile", "smoke")
RETRAIN = bool(config.get("retrain"))
CHAPTERS = [config["only"]] if "only" in config else notebooks.names()
SYSTEMS = experiments.load(PROFILE)
CXR = f"{shlex.quote(sys.executable)} -m cxr_helpers.cli"


def local(path):
    """Name a file relative to the checkout if it lies in it."""
    return str(path.relative_to(paths.ROOT) if path.is_relative_to(paths.ROOT) else path)


def records(system):
    return [paths.runs(PROFILE) / run.run_id / "run.json" for run in SYSTEMS[system].configs]


# Records are never outputs here, because a job's outputs are deleted before it starts and when it fails. A record that
# is there is a source file like any other; for one that is being made stands a marker (workflow.py clears old ones).
PENDING = {name for name in SYSTEMS if RETRAIN or not all(path.is_file() for path in records(name))}


def reported(chapter):
    """A chapter reports its own systems; one without any (comparison, explanation) those of all chapters before it."""
    own = [name for name, system in SYSTEMS.items() if system.chapter == chapter]
    return own or [name for name, system in SYSTEMS.items() if system.chapter < chapter]


def trained(chapter):
    kept = [local(path) for name in reported(chapter) if name not in PENDING for path in records(name)]
    return kept + [MARKER.format(system=name) for name in reported(chapter) if name in PENDING]


MANIFEST = local(paths.build(PROFILE) / "manifest.csv")
MARKER = local(entry.markers(PROFILE) / "{system}")
EXECUTED = local(notebooks.executed("{chapter}", PROFILE))
REPORT = [local(path) for path in entry.report_files(PROFILE)]


rule all:
    input:
        [trained(chapter) for chapter in CHAPTERS],
        expand(EXECUTED, chapter=CHAPTERS) if "only" in config else REPORT,


rule prepare:
    output:
        MANIFEST,
    shell:
        "{CXR} prepare --profile {PROFILE}"


rule train:
    input:
        MANIFEST,
    output:
        touch(MARKER),
    wildcard_constraints:
        system="|".join(map(re.escape, sorted(PENDING))) or "none",
    # Two runs side by side use the cores better than one after the other; an accelerator takes one at a time.
    threads: max(1, workflow.cores // 2)
    resources:
        accelerator=1,
    params:
        retrain="--retrain" if RETRAIN else "",
    shell:
        "{CXR} train {wildcards.system:q} --profile {PROFILE} {params.retrain}"


rule chapter:
    input:
        lambda wildcards: trained(wildcards.chapter),
        lambda wildcards: [local(path) for path in imports.reached(notebooks.source(wildcards.chapter))],
        [local(path) for pattern in ("*.csv", "*.toml") for path in (paths.ROOT / "reports").glob(pattern)],
        MANIFEST,
        notebook="notebooks/{chapter}.ipynb",
    output:
        EXECUTED,
    shell:
        "{CXR} execute {wildcards.chapter} --profile {PROFILE}"


rule render:
    input:
        expand(EXECUTED, chapter=notebooks.names()),
        [local(path) for path in imports.reached(imports.PACKAGE / "rendering.py")],
        [local(path) for path in paths.TEMPLATE.rglob("*") if path.is_file()],
        "reports/front_matter.md",
        "reports/references.bib",
    output:
        [update(path) for path in REPORT],  # the report of before stays until the new one is whole
    shell:
        "{CXR} render --profile {PROFILE}"
