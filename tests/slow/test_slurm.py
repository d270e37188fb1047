"""The training jobs of a small matrix of experiments and seeds on a real SLURM of two nodes, both of them this machine.

Needs Debian's slurm-wlm and munge, and snakemake-executor-plugin-slurm. The daemons run as the present user on the
loopback interface, with all their files in a temporary folder.
"""

import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

import pandas as pd
import pytest
from checkouts import PARTS, copy, write_chapter
from commands import only_long

from cxr_helpers import paths

pytestmark = pytest.mark.slurm  # the long form takes twenty minutes; what it gave stands in tests/outcomes/scale.txt
PROGRAMS = ("munged", "slurmctld", "slurmd", "srun", "sbatch", "scontrol")
NODES = ("one", "two")
CONF = """
ClusterName=loopback
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MinJobAge=3600
NodeName=one NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=1 RealMemory=8000
NodeName=two NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=1 RealMemory=8000
PartitionName=all Nodes=ALL Default=YES MaxTime=120 State=UP
"""
EXPERIMENTS = """
[smoke]
start = "random"
trainable = "all"
size = 32
batch_size = 16
epochs = 2
seeds = {seeds}
"""
SYSTEM = """
[{name}]
title = "{name}"
chapter = "{chapter}"
config = {{ model = "custom_cnn", dropout = {dropout} }}
"""
MATRIX = {"alpha": ("03_alpha", 0.1), "beta": ("04_beta", 0.2), "gamma": ("05_gamma", 0.3)}


def missing() -> str:
    """Return what keeps the test from running, or nothing."""
    lacking = [name for name in PROGRAMS if not shutil.which(name)]
    if lacking:
        return f"SLURM is not installed ({', '.join(lacking)} missing): apt-get install slurm-wlm munge"
    if not importlib.util.find_spec("snakemake_executor_plugin_slurm"):
        return "snakemake-executor-plugin-slurm is not installed"
    return ""


def free_ports(number: int) -> list[int]:
    sockets = [socket.socket() for _ in range(number)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Start a SLURM of two nodes; yield the variables of a process that is to use it."""
    reason = missing()
    if reason:
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("slurm")
    for name in ("state", "bin", *(f"spool-{node}" for node in NODES)):
        (folder / name).mkdir()
    (folder / "munge.key").write_bytes(os.urandom(128))
    (folder / "munge.key").chmod(0o600)
    user = subprocess.check_output(["id", "-un"], text=True).strip()
    conf = folder / "slurm.conf"
    conf.write_text(CONF.format(host=socket.gethostname().split(".")[0], folder=folder, user=user, ports=free_ports(3)))
    # The executor takes SLURM's variables out of a job's environment, so that its srun must be told again.
    (folder / "bin" / "srun").write_text(f'#!/bin/sh\nSLURM_CONF={conf} exec {shutil.which("srun")} "$@"\n')
    (folder / "bin" / "srun").chmod(0o755)
    environment = os.environ | {"SLURM_CONF": str(conf), "PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}
    munge = [f"--{name}={folder}/munge{end}" for name, end in (("socket", ".socket"), ("key-file", ".key"), ("log-file", ".log"))]
    munge += [f"--pid-file={folder}/munged.pid", f"--seed-file={folder}/munge.seed"]
    daemons = []
    try:
        for command in (
            ["munged", "--foreground", "--force", *munge],
            ["slurmctld", "-D"],
            *(["slurmd", "-D", "-N", n] for n in NODES),
        ):
            daemons.append(subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            time.sleep(1)
        until(lambda: nodes(environment) == {"one": "IDLE", "two": "IDLE"}, 60, "the nodes are not ready")
        yield environment
    finally:
        for daemon in reversed(daemons):
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(120)


def until(condition, seconds: float, complaint: str) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, complaint
        time.sleep(0.2)


def control(environment: dict, *arguments: str) -> str:
    done = subprocess.run(["scontrol", *arguments], env=environment, capture_output=True, text=True, check=False)
    return done.stdout


def nodes(environment: dict) -> dict[str, str]:
    """Return the state of each node."""
    return dict(re.findall(r"NodeName=(\w+).*? State=([A-Z+]+)", control(environment, "--oneliner", "show", "nodes")))


def jobs(environment: dict) -> pd.DataFrame:
    """Return what SLURM knows of its training jobs: number, state, node, restarts, start."""
    pattern = r"JobId=(\d+) .*? JobState=(\w+) .*? Restarts=(\d+) .*? StartTime=(\S+) .*? NodeList=(\S*) .*? Comment=rule_train"
    found = re.findall(pattern, control(environment, "--oneliner", "show", "jobs"))
    return pd.DataFrame(found, columns=["job", "state", "restarts", "start", "node"])


def checkout(folder, matrix=MATRIX, seeds=(0, 1)):
    """Return a copy of the checkout with a small matrix of experiments and seeds."""
    root = copy(folder, (*PARTS, "profiles"))
    rows = [SYSTEM.format(name=name, chapter=chapter, dropout=dropout) for name, (chapter, dropout) in matrix.items()]
    experiments = EXPERIMENTS.format(seeds=list(seeds)) + "".join(rows)
    (root / "cxr_helpers" / "experiments.toml").write_text(experiments)
    write_chapter(root / "notebooks", "01_eda", "print('images')")
    return root


def snakemake(root, environment: dict, *arguments: str) -> subprocess.Popen:
    """Begin the workflow's training with one thread a job, on which identical scores depend."""
    own = {
        "CXR_BUILD_DIR": str(root / "build"),
        "PYTHONPATH": f"{root}:{os.environ.get('PYTHONPATH', '')}",
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-P", "-m", "snakemake", "--set-threads", "train=1", *arguments]
    command += ["--config", "profile=smoke", "--", "runs"]
    out = open(root / "snakemake.log", "w")
    return subprocess.Popen(command, cwd=root, env=environment | own, stdout=out, stderr=subprocess.STDOUT)


def ended(workflow: subprocess.Popen) -> int:
    """Wait until Snakemake has ended, which takes a minute on a machine with nothing else to do, and return its exit status."""
    try:
        return workflow.wait(900)
    finally:
        workflow.terminate()


def scores(root) -> dict[str, str]:
    return {path.parent.name: path.read_text() for path in root.glob("reports/smoke/runs/*/scores.csv")}


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """Return the scores of every run of the matrix, made on this machine without SLURM."""
    root = checkout(tmp_path_factory.mktemp("local") / "checkout")
    assert ended(snakemake(root, dict(os.environ), "--cores", "1")) == 0, (root / "snakemake.log").read_text()
    return scores(root)


def submitted(*more: str) -> list[str]:
    """Return the options by which Snakemake hands its jobs to the cluster."""
    options = ["--profile", "profiles/slurm", "--slurm-no-account", "--slurm-status-command", "squeue"]
    return [*options, "--slurm-init-seconds-before-status-checks", "5", "--seconds-between-status-checks", "5", *more]


def test_a_training_runs_as_a_job(cluster, tmp_path):
    """The short form: one system, one seed."""
    root, before = checkout(tmp_path / "checkout", {"alpha": MATRIX["alpha"]}, seeds=[0]), len(jobs(cluster))
    assert ended(snakemake(root, cluster, *submitted())) == 0, (root / "snakemake.log").read_text()
    assert jobs(cluster)[before:].state.tolist() == ["COMPLETED"] and len(scores(root)) == 1


@only_long
@pytest.mark.parametrize("state", ["DRAIN", "DOWN"])
def test_a_matrix_of_runs_loses_a_node_and_gives_the_scores_of_a_local_run(cluster, local, tmp_path, state):
    root = checkout(tmp_path / "checkout")
    before = len(jobs(cluster))
    workflow = snakemake(root, cluster, *submitted())
    try:
        until(lambda: "RUNNING" in set(jobs(cluster)[before:].state) and scores(root), 600, "no run was recorded")
        running = jobs(cluster)[before:].query("state == 'RUNNING'").iloc[0]
        control(cluster, "update", f"NodeName={running.node}", f"State={state}", "Reason=test")
        lost = time.strftime("%Y-%m-%dT%H:%M:%S")
        assert workflow.wait(900) == 0, (root / "snakemake.log").read_text()
    finally:
        workflow.terminate()
        control(cluster, "update", f"NodeName={running.node}", "State=RESUME")
    done = jobs(cluster)[before:].set_index("job")
    print(done.to_string())
    assert len(done) == len(MATRIX) and set(done.state) == {"COMPLETED"}
    assert set(done.node[done.start > lost]) == {*NODES} - {running.node}  # nothing began on the lost node
    begun_again = done.restarts.astype(int) > 0
    # A drained node ends what it is at; the jobs of one that is down are put back into the queue.
    assert begun_again.any() == (state == "DOWN") and (state == "DRAIN" or begun_again[running.job])
    assert scores(root) == local and len(local) == 2 * len(MATRIX)


def test_the_profiles_name_rules_and_resources_that_the_workflow_has():
    import yaml

    rules = set(re.findall(r"^rule (\w+):", (paths.ROOT / "Snakefile").read_text(), re.MULTILINE))
    for path in sorted(paths.ROOT.glob("profiles/*/config.yaml")):
        profile = yaml.safe_load(path.read_text())
        named = {entry.split("=")[0].split(":")[0] for key in ("set-threads", "set-resources") for entry in profile.get(key, [])}
        assert profile["executor"] and named <= rules, path
