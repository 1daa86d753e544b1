# SPDX-License-Identifier: Apache-2.0
"""Code in a default container that tries to get out of it, as root and as nobody: the rows of the threat model in docs/security.md, by name.

Each attempt of functions/zoo is a line "NAME: ok", "NAME: ERRNO" or "NAME: value". Where kernels and engines differ in how they refuse, each way is
named; that something does not work because the kernel has no such thing is said by that kernel's errno, never skipped.
"""
import json
import os
import re
import subprocess
import threading
from pathlib import Path

import pytest

from conftest import docker, wait_until
from warm import Function, processes
from zoo import USERS, ZOO, build_zoo, outcome, told, zoo_function

REFUSED = {"EPERM", "EACCES"}
ABSENT = {"ENOENT", "ENXIO", "ENODEV"}
READ_ONLY = {"EROFS", "EACCES", "EPERM"}
UNREACHABLE = {"ENETUNREACH", "ECONNREFUSED"}
FAMILIES = {"EPERM", "EACCES", "EAFNOSUPPORT", "EPROTONOSUPPORT"}


@pytest.fixture(scope="module")
def functions_of(shared_daemon):
    """`functions_of(user, contract)`: a function of that user on the shared daemon, warm from one test to the next."""
    build_zoo()
    made = {}

    def function(user, contract="cgi"):
        if (user, contract) not in made:
            ports = f"{shared_daemon.port},{shared_daemon.admin_port}"
            made[user, contract] = zoo_function(shared_daemon, f"escape-{user}-{contract}", contract, user=USERS[user],
                                                env={"ZOO_PORTS": ports}, limits={"timeout": "20s"})
        return made[user, contract]

    yield function
    for one in made.values():
        one.remove()
    for one in made.values():
        one.gone(30)


@pytest.fixture(params=USERS)
def tried(request, functions_of, shared):
    """`tried(probe)`: what came of it, by a CGI program and by a server of a default container, which both still answer."""
    def report(probe):
        reports = {}
        for contract in ("cgi", "http"):
            function = functions_of(request.param, contract)
            status, text, _ = outcome(function, f"/probe/{probe}")
            assert status == 200 and text.endswith("end\n"), text
            assert outcome(function, "/")[0] == 200
            reports[contract] = text
        return reports

    report.user = request.param
    return report


def all_in(reports, allowed, but=()):
    """Every line's result is among those allowed; `but` are names of lines with another meaning."""
    for contract, text in reports.items():
        results = told(text)
        assert results, text
        for name, result in results.items():
            assert name in but or result in allowed, f"{contract}: {name}: {result}"


# ---- T1: the engine

def test_T1_no_function_reaches_the_engine(tried):
    all_in(tried("reach-engine"), ABSENT | UNREACHABLE)


def test_T1_nothing_of_the_host_is_mounted_but_what_the_platform_needs(tried):
    allowed = re.compile(r"/|/proc(/.*)?|/sys(/.*)?|/dev(/(pts|mqueue|shm|null))?|/etc/(resolv.conf|hostname|hosts)|/tmp|/\.shallop")
    writable = re.compile(r"/proc|/dev(/(pts|mqueue|shm|null))?|/tmp|/proc/(kcore|keys|timer_list|latency_stats|sched_debug|interrupts)")
    for text in tried("list-mounts").values():
        lines = [line.split() for line in text.splitlines()[:-1]]
        assert len(lines) > 5
        for target, options in lines:
            assert allowed.fullmatch(target), target
            # Some engines leave the folder that holds the controllers writable; each controller is read-only.
            folder_alone = target == "/sys/fs/cgroup" and any(one.startswith("/sys/fs/cgroup/") for one, _ in lines)
            assert "ro" in options.split(",") or writable.fullmatch(target) or folder_alone, f"{target} {options}"
            if target in ("/tmp", "/dev/shm"):
                assert {"nosuid", "nodev"} <= set(options.split(",")), f"{target} {options}"


# ---- T2: what the engine is asked for

HOST_CONFIG = ["AutoRemove", "Binds", "BlkioWeight", "CapAdd", "CapDrop", "Cgroup", "CgroupParent", "CgroupnsMode", "ConsoleSize", "ContainerIDFile",
               "CpuCount", "CpuPeriod", "CpuQuota", "CpuRealtimePeriod", "CpuShares", "CpusetCpus", "DeviceCgroupRules", "DeviceRequests", "Devices",
               "Dns", "DnsOptions", "DnsSearch", "ExtraHosts", "GroupAdd", "HostConfig", "Init", "IpcMode", "Isolation", "KernelMemory", "Labels", "Links",
               "LogConfig", "MaskedPaths", "Memory", "MemorySwap", "MemorySwappiness", "Mounts", "NetworkMode", "OomKillDisable", "OomScoreAdj",
               "PidMode", "PidsLimit", "PortBindings", "Privileged", "PublishAllPorts", "ReadonlyPaths", "ReadonlyRootfs", "RestartPolicy", "Runtime",
               "SecurityOpt", "ShmSize", "StorageOpt", "Sysctls", "Tmpfs", "UTSMode", "Ulimits", "UsernsMode", "VolumeDriver", "VolumesFrom",
               "ExposedPorts", "Healthcheck", "Hostname", "NetworkingConfig", "StopSignal", "Volumes"]


def spellings(name):
    snake = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    return {name, name[0].lower() + name[1:], snake, name.lower()} - {"image", "runtime", "mounts", "memory"}


def test_T2_no_member_of_the_engines_is_a_member_of_a_function(shared):
    build_zoo()
    for name in HOST_CONFIG:
        for spelling in spellings(name):
            for document in ({spelling: True}, {"limits": {spelling: 1}}, {"mounts": [{"type": "tmpfs", "target": "/x", spelling: 1}]},
                             {"scale": {spelling: 1}}, {"contract": {"http": {spelling: 1}}}):
                answer = shared.api("PUT", "/v1/functions/t2", {"image": ZOO} | document)
                assert answer.status == 400, f"{json.dumps(document)}: {answer}"
    assert shared.api("GET", "/v1/functions/t2").status == 404


@pytest.mark.parametrize("document", [
    {"network": "host"}, {"network": "container:abc"}, {"network": "ns:/proc/1/ns/net"}, {"capabilities": ["SYS_ADMIN"]}, {"capabilities": ["ALL"]},
    {"capabilities": ["NET_RAW"]}, {"capabilities": ["SYS_PTRACE"]}, {"capabilities": ["MKNOD"]}, {"labels": {"shallop.daemon": "x"}},
    {"mounts": [{"type": "bind", "source": "/", "target": "/host"}]}, {"mounts": [{"type": "bind", "source": "/var/run/docker.sock", "target": "/s"}]},
    {"mounts": [{"type": "bind", "source": "/proc", "target": "/host"}]}, {"mounts": [{"type": "tmpfs", "target": "/.shallop"}]},
    {"mounts": [{"type": "tmpfs", "target": "/.shallop/x"}]}, {"mounts": [{"type": "tmpfs", "target": "/proc"}]},
    {"mounts": [{"type": "volume", "source": "../../etc", "target": "/x"}]}, {"mounts": [{"type": "npipe", "source": "/x", "target": "/x"}]},
    {"user": "0:0:0"}, {"runtime": "../runc"}, {"limits": {"pids": -1}}, {"limits": {"memory": 0}}, {"limits": {"memory": -1}}, {"limits": {"files": 0}},
], ids=lambda document: json.dumps(document)[:60])
def test_T2_nothing_that_leads_to_the_host_is_taken(shared, document):
    build_zoo()
    answer = shared.api("PUT", "/v1/functions/t2", {"image": ZOO} | document)
    assert answer.status in (400, 403, 409, 422), answer
    assert shared.api("GET", "/v1/functions/t2").status == 404


def test_T2_a_default_container_is_what_the_engine_was_asked_for(functions_of):
    function = functions_of("root", "http")
    assert function.call().status == 200
    [container] = function.containers()
    host = json.loads(docker("inspect", container))[0]["HostConfig"]
    assert host["Privileged"] is False and host["CapAdd"] in (None, []) and host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges"] and host["ReadonlyRootfs"] is True and not host["Devices"]
    assert (host["PidMode"], host["UTSMode"], host["UsernsMode"]) == ("", "", "")
    assert host["IpcMode"] == "private" and host["CgroupnsMode"] == "private"
    assert host["Memory"] == host["MemorySwap"] == 256 << 20 and host["PidsLimit"] == 128 and host["NanoCpus"] == 10**9
    assert host["LogConfig"]["Type"] == "none" and host["RestartPolicy"]["Name"] in ("", "no") and not host["PortBindings"]
    assert {one["Target"] for one in host["Mounts"]} == {"/.shallop"}


# ---- T6: replies. test_zoo.py has every broken one; here two callers share an instance with them

def test_T6_no_caller_gets_what_another_ones_reply_left(functions_of):
    function = functions_of("nobody", "http")
    for broken in ("too-long", "two-replies", "line-feed-in-field", "return-in-field", "nul-in-field", "body-of-204", "unasked-switch"):
        assert "leaked" not in outcome(function, f"/{broken}")[1]
        status, text, _ = outcome(function, "/")
        assert status == 200 and "leaked" not in text, broken


# ---- T8: what a function leaves for the daemon to follow

def test_T8_a_function_can_plant_nothing_where_the_daemon_looks(tried):
    all_in(tried("connect-shim"), ABSENT | READ_ONLY | {"ECONNREFUSED", "EBUSY", "EXDEV", "EINVAL", "0", "-1"})


def test_T8_a_link_below_a_bind_root_is_not_followed(start_daemon, tmp_path):
    build_zoo()
    tmp_path.chmod(0o755)
    (tmp_path / "shared").mkdir()
    daemon = start_daemon("--bind-root", str(tmp_path))
    mount = {"type": "bind", "source": str(tmp_path / "shared"), "target": "/data", "read_only": False}
    planter = Function(daemon, "planter")
    planter.put(image="debian:bookworm-slim", command=["sh", "-c", "ln -s /etc /data/escape; mkdir -p /data/later; echo done"], mounts=[mount])
    assert planter.call().text == "done\n"
    assert os.readlink(tmp_path / "shared/escape") == "/etc"
    document = {"image": ZOO, "mounts": [mount | {"source": str(tmp_path / "shared/escape")}]}
    assert daemon.api("PUT", "/v1/functions/t8", document).status == 400
    document["mounts"][0]["source"] = str(tmp_path / "shared/escape/ssl")
    assert daemon.api("PUT", "/v1/functions/t8", document).status == 400
    document["mounts"][0]["source"] = str(tmp_path / "shared/later")
    assert daemon.api("PUT", "/v1/functions/t8", document).status == 201
    planter.put(image="debian:bookworm-slim", command=["sh", "-c", "rmdir /data/later && ln -s /etc /data/later; echo swapped"], mounts=[mount])
    wait_until(lambda: planter.call().text == "swapped\n", 20, what="the new version serves")
    assert os.readlink(tmp_path / "shared/later") == "/etc"
    assert daemon.call("/function/t8").status == 502, "what was a folder when it was registered is a link now"


# ---- T12: logs

def test_T12_what_a_function_writes_forges_no_line_of_the_daemon_or_of_another_function(shared, functions_of):
    function = functions_of("nobody", "cgi")
    assert outcome(function, "/harm/forge-lines")[0] == 200
    logs = lambda: shared.api("GET", f"/v1/functions/{function.name}/logs").text
    text = wait_until(lambda: (found := logs()) and "the last line" in found and found, 20, what="the lines are there")
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", text), "control bytes are escaped"
    lines = [json.loads(line) for line in text.splitlines()]
    assert all(set(line) == {"time", "stream", "invocation", "text"} for line in lines)
    [forged] = {line["text"] for line in lines if "the daemon was here" in line["text"]}
    assert forged.startswith("time=2026-01-01"), "it is a text of the function's"
    assert not [line for line in shared.log().splitlines() if "daemon=forged" in line and line.startswith("time=2026-01-01")]
    printed = shared.cli("logs", function.name).stdout
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f]", printed), repr(printed)


# ---- T14: networks

def test_T14_no_address_is_reached_and_no_socket_made_for_it(tried):
    for contract, text in tried("reach-network").items():
        results = told(text)
        assert results.pop("interfaces") == "1", "loopback alone"
        assert len(results) > 10
        for name, result in results.items():
            own = contract == "http" and name == "127.0.0.1:8080"
            assert own or result in UNREACHABLE | FAMILIES | {"EADDRNOTAVAIL"}, f"{name}: {result}"


def test_T14_raw_packet_and_machine_sockets_are_refused(tried):
    all_in(tried("odd-sockets"), FAMILIES)


def test_T14_a_program_that_poses_as_a_32_bit_one_gets_no_more(tried):
    reports = tried("old-calls")
    all_in(reports, REFUSED | {"ENOSYS"}, but={"socket", "room"})
    for text in reports.values():
        assert told(text)["socket"] in {"ok", "ENOSYS"}, "where there is a door for them, it leads to usual sockets"


def test_T14_two_functions_do_not_see_each_other(functions_of):
    one, other = functions_of("root", "http"), functions_of("nobody", "http")
    assert one.call().text != other.call().text, "two containers"
    assert "ECONNREFUSED" not in told(outcome(one, "/probe/reach-network")[1]).get("172.17.0.1:80", "")


# ---- T15: exhaustion. test_zoo.py has all of it; here what the kernel says the bounds are

def test_T15_a_crash_leaves_no_core(tried):
    for text in tried("crash").values():
        results = told(text)
        assert results["signal"] == "11" and results["dumped"] == "0"


def test_T15_bounds_cannot_be_raised(tried):
    for text in tried("identity").values():
        results = told(text)
        assert results["more descriptors"] in REFUSED and results["more core"] in REFUSED


# ---- T16: the next tenant

def test_T16_nothing_is_left_for_another_function_or_version(shared):
    build_zoo()
    patient = {"limits": {"timeout": "20s"}}
    first, second = zoo_function(shared, "t16", "cgi", **patient), zoo_function(shared, "t16-other", "cgi", **patient)
    try:
        assert set(told(outcome(first, "/probe/leave-mark")[1]).values()) == {"ok"}
        found = told(outcome(first, "/probe/find-mark")[1])
        assert found["/tmp/mark"] == "ok", "an instance that is used again keeps its files: docs/protocol.md"
        assert found["variable"] == "ENOENT", "a process starts with a fresh environment"
        assert set(told(outcome(second, "/probe/find-mark")[1]).values()) == {"ENOENT"}
        zoo_function(shared, "t16", "cgi", env={"VERSION": "2"}, **patient)
        wait_until(lambda: outcome(first, "/")[0] == 200 and {one["version"] for one in first.instances("idle")} == {2}, 30)
        assert set(told(outcome(first, "/probe/find-mark")[1]).values()) == {"ENOENT"}
        zoo_function(shared, "t16", "cgi", scale={"reuse": False}, **patient)
        for _ in range(2):
            assert set(told(outcome(first, "/probe/find-mark")[1]).values()) == {"ENOENT"}
            outcome(first, "/probe/leave-mark")
    finally:
        first.remove(), second.remove()
        first.gone(30), second.gone(30)


# ---- the kernel and the host

def test_P12_no_mount_no_namespace_no_root_of_its_own(tried):
    all_in(tried("mounts"), REFUSED | {"ENOSYS", "EINVAL"})


def test_P12_no_device(tried):
    all_in(tried("devices"), REFUSED | ABSENT)


def test_P12_no_file_of_the_host_or_of_the_image_is_written(tried):
    reports = tried("write-files")
    container_s_own = {"/etc/hosts", "/etc/resolv.conf", "/.dockerenv"}
    all_in(reports, READ_ONLY | ABSENT | {"hidden", "EIO", "ETXTBSY"}, but=container_s_own)
    for text in reports.values():
        assert all(told(text)[name] in READ_ONLY | ABSENT for name in container_s_own), text


def test_P12_no_dangerous_call_of_the_kernel(tried):
    all_in(tried("kernel"), REFUSED | {"ENOSYS"})


def test_P12_no_clock_and_no_priority(tried):
    all_in(tried("clocks"), REFUSED)


def test_P12_no_other_identity(tried):
    for text in tried("identity").values():
        results = told(text)
        assert results["uid"] == ("0" if tried.user == "root" else "65534")
        for name in ("setuid", "setgid", "setgroups", "chown", "capability in the bounding set", "new privileges"):
            assert results[name] in REFUSED | {"EINVAL"}, f"{name}: {results[name]}"
        assert results["no_new_privs"] == "1"
        assert re.findall(r"^(Cap\w+|Seccomp):\t(\w+)$", text, re.M) == [
            (name, "0" * 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")] + [("Seccomp", "2")]


def test_P12_standard_input_is_no_file_of_the_host(tried):
    null = os.stat("/dev/null")
    for text in tried("look-at-input").values():
        results = told(text)
        device, inode, _ = results["input"].split()
        assert (int(device), int(inode)) != (null.st_dev, null.st_ino), "its owner could change the mode of the host's /dev/null"
        assert results["read"] == "0" and results["write"] in REFUSED


# ---- S1 to S7: the shim

def test_S1_the_shim_is_neither_traced_nor_read(tried):
    all_in(tried("trace-shim"), REFUSED | {"ENOSYS", "ESRCH"})
    all_in(tried("read-shim"), REFUSED | ABSENT | {"EIO"})


def test_S1_no_descriptor_of_the_shim_is_taken(tried):
    for text in tried("take-shims-descriptors").values():
        taken = re.findall(r"^pidfd_getfd: (\w+)$", text, re.M)
        assert len(taken) == 12 and set(taken) <= REFUSED | {"ENOSYS", "EBADF"}, text


@pytest.mark.parametrize("user", USERS)
def test_S2_a_function_inherits_its_three_descriptors_and_no_other(functions_of, shared, user):
    assert sorted(told(outcome(functions_of(user), "/probe/list-descriptors")[1])) == ["0", "1", "2"]
    server = zoo_function(shared, f"s2-{user}", user=USERS[user], limits={"timeout": "20s"})
    try:
        found = told(outcome(server, "/probe/list-descriptors")[1])
        assert {"0", "1", "2"} < set(found)
        assert all(what.startswith("socket") for name, what in found.items() if name not in "012"), "those that the server made itself"
    finally:
        server.remove()
        server.gone(30)


def test_S3_a_server_that_makes_the_shared_socket_wait_stops_nobody_else(functions_of, shared):
    victim, attacker = functions_of("nobody", "http"), zoo_function(shared, "s3", limits={"timeout": "2s"})
    try:
        attacker.call()
        answers = []
        waiting = threading.Thread(target=lambda: answers.append(outcome(attacker, "/waits-on-both-ends")[0]))
        waiting.start()
        wait_until(lambda: any(one["events"] for one in attacker.instances()), 10, what="it waits")
        assert [outcome(victim, "/")[0] for _ in range(20)] == [200] * 20
        waiting.join()
        assert answers == [504]
    finally:
        attacker.remove()
        attacker.gone(30)


def test_S4_descriptors_in_flight_keep_nobody_from_being_started_or_connected(functions_of):
    victim = functions_of("nobody", "cgi")
    for user in USERS:
        flooder = functions_of(user, "http")
        assert outcome(flooder, "/harm/leave-descriptors-in-flight")[0] == 200
        assert [outcome(one, "/")[0] for one in (victim, flooder) for _ in range(5)] == [200] * 10


def test_S5_the_shims_socket_is_gone_before_the_function_runs(tried):
    for text in tried("connect-shim").values():
        results = told(text)
        assert results["connect"] in ABSENT | {"ECONNREFUSED", "EACCES"}
        assert results["entries"] in ("0", "-1")


def test_S6_no_signal_from_inside_stops_or_ends_the_shim(tried):
    assert all("sent" in text for text in tried("signal-shim").values())


def test_S7_what_has_left_its_session_ends_with_the_shim(shared):
    build_zoo()
    function = zoo_function(shared, "s7")
    try:
        assert function.call("/harm/leave-daemons").status == 200
        [container] = function.containers()
        left = wait_until(lambda: (found := processes(container)) and len(found) >= 6 and found, 20, what="daemons run")
        shim = docker("inspect", "-f", "{{.State.Pid}}", container)
        subprocess.run(["kill", "-KILL", shim], check=True)
        wait_until(lambda: not [one for one in left if Path(f"/proc/{one}").exists()], 20, what="they are gone")
        assert outcome(function, "/")[0] == 200
    finally:
        function.remove()
        function.gone(30)
