"""What must hold of every rendering of the chart, beyond what a schema can say.

``problems`` returns one line for each thing that is wrong; the tests of planted faults count
on each rule here to notice.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Final

import yaml

from streams.contract import topics
from streams.contract.processes import PROCESSES, SECRETS
from streams.runtime.settings import PREFIX, Settings, SettingsError
from tests.deploy.helm import CHART, Object, of_kind
from tests.deploy.schemas import schema_problems

PORT: Final = 9464
CONSOLE_PORT: Final = 8300
PROBES: Final = {
    "startupProbe": "/live",
    "livenessProbe": "/live",
    "readinessProbe": "/ready",
}
JOBS: Final = {"topics": ["topics", "apply"], "migrate": ["ledger", "upgrade"]}
LABELS: Final = (
    "helm.sh/chart",
    *(f"app.kubernetes.io/{name}" for name in ("name", "instance", "version", "managed-by")),
)
KAFKA_TRIGGER: Final = {
    *("bootstrapServers", "consumerGroup", "topic", "lagThreshold", "activationLagThreshold"),
    *("offsetResetPolicy", "sasl", "tls"),
}
# Where a cloud gives its credentials to any process: AWS and GCP, Azure, Alibaba, AWS by IPv6.
METADATA: Final = ("169.254.169.254", "168.63.129.16", "100.100.100.200", "fd00:ec2::254")
OURS: Final = {"app.kubernetes.io/name": "earmark", "app.kubernetes.io/instance": "music"}
COMPONENT: Final = "app.kubernetes.io/component"


def problems(objects: Sequence[Object], kubernetes: str, files: Path) -> list[str]:
    """Return what is wrong with a rendering.

    Args:
        objects: from ``helm.render``.
        kubernetes: version whose schemas count.
        files: an empty folder, for files that settings name.
    """
    return [
        *schema_problems(objects, kubernetes),
        *_of_all(objects),
        *(line for one in of_kind(objects, "Deployment").values() for line in _of_pods(one)),
        *(line for one in of_kind(objects, "Job").values() for line in _of_pods(one)),
        *(line for one in of_kind(objects, "Deployment").values() for line in _of_worker(one)),
        *(line for one in of_kind(objects, "Pod").values() for line in _of_pods(one)),
        *_of_jobs(objects),
        *_of_doctor(objects),
        *_of_environments(objects, files),
        *_of_selectors(objects),
        *_of_scaling(objects),
        *_of_monitoring(objects),
        *_of_network(objects),
        *_of_console(objects),
    ]


def pod(manifest: Object) -> Object:
    """Return the pod template of a workload; of a pod, itself."""
    return dict(manifest if manifest["kind"] == "Pod" else manifest["spec"]["template"])


def environment(manifest: Object, objects: Sequence[Object]) -> dict[str, str]:
    """Return what the main container of a workload finds, secrets by their key's name."""
    container = pod(manifest)["spec"]["containers"][0]
    maps = of_kind(objects, "ConfigMap")
    variables: dict[str, str] = {}
    for source in container["envFrom"]:
        if "configMapRef" in source:
            variables |= maps[source["configMapRef"]["name"]]["data"]
    for variable in container.get("env", []):
        secret = variable.get("valueFrom", {}).get("secretKeyRef", {})
        variables[variable["name"]] = variable.get("value", secret.get("key", ""))
    return variables


def _of_all(objects: Sequence[Object]) -> Iterator[str]:
    names = Counter((item["kind"], item["metadata"]["name"]) for item in objects)
    yield from (f"{kind} {name} is there twice" for (kind, name), n in names.items() if n > 1)
    for item in objects:
        name, labels = item["metadata"]["name"], item["metadata"].get("labels", {})
        if not name.startswith("music-earmark"):
            yield f"{item['kind']} {name}: the release's name is not in it"
        if not name.endswith("-extra") and not all(label in labels for label in LABELS):
            yield f"{item['kind']} {name}: labels are missing"
        if not name.endswith("-extra") and not item["metadata"].get("namespace"):
            yield f"{item['kind']} {name}: lies in whatever namespace is the current one"


def _of_pods(manifest: Object) -> Iterator[str]:
    name, spec = manifest["metadata"]["name"], pod(manifest)["spec"]
    security = spec.get("securityContext", {})
    if not security.get("runAsNonRoot") or not security.get("seccompProfile"):
        yield f"{name}: its pods may run as root, or without a seccomp profile"
    if spec.get("automountServiceAccountToken") is not False:
        yield f"{name}: its pods are given a token that they do not need"
    if spec["serviceAccountName"] not in {"music-earmark", "default"}:
        yield f"{name}: a service account that nobody makes"
    container = spec["containers"][0]
    rights = container.get("securityContext", {})
    if (
        not rights.get("readOnlyRootFilesystem")
        or rights.get("allowPrivilegeEscalation") is not False
        or rights.get("capabilities", {}).get("drop") != ["ALL"]
    ):
        yield f"{name}: its container has rights that it does not need"
    volumes = {volume["name"] for volume in spec["volumes"]}
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    if volumes != mounts.keys():
        yield f"{name}: volumes {sorted(volumes)}, mounts {sorted(mounts)}"
    if not {"/tmp", "/var/lib/earmark"} <= set(mounts.values()):  # noqa: S108
        yield f"{name}: nowhere to write"
    secrets = [manifest["secret"] for manifest in spec["volumes"] if "secret" in manifest]
    if any(manifest.get("defaultMode") != 0o440 for manifest in secrets):
        yield f"{name}: others than its group may read its secrets"
    asked = [
        manifest.get("valueFrom", {}).get("secretKeyRef") for manifest in container.get("env", [])
    ]
    if not all(manifest.get("secretName") for manifest in secrets) or any(
        manifest is not None and not manifest.get("name") for manifest in asked
    ):
        yield f"{name}: a secret without a name"
    if "memory" not in container["resources"].get("requests", {"memory": ""}):
        yield f"{name}: asks for CPU, not for memory"


def _of_worker(manifest: Object) -> Iterator[str]:
    name, container = manifest["metadata"]["name"], pod(manifest)["spec"]["containers"][0]
    component = manifest["metadata"]["labels"][COMPONENT]
    if container["args"] != ["worker", component] or component not in set(PROCESSES):
        yield f"{name}: runs {container['args']}"
    if container["name"] != component or name != f"music-earmark-{component}":
        yield f"{name}: is not called like its process"
    ports = {"metrics": PORT} | ({"http": CONSOLE_PORT} if component == "console" else {})
    if {port["name"]: port["containerPort"] for port in container["ports"]} != ports:
        yield f"{name}: its ports are {container['ports']}"
    for probe, path in PROBES.items():
        asked = container.get(probe, {}).get("httpGet")
        if asked != {"path": path, "port": "metrics"}:
            yield f"{name}: {probe} asks {asked}"
    startup, live = container["startupProbe"], container["livenessProbe"]
    if startup["failureThreshold"] * startup["periodSeconds"] < 60:
        yield f"{name}: has no time to load a model"
    if live["failureThreshold"] * live["periodSeconds"] < 30 or live["timeoutSeconds"] < 5:
        yield f"{name}: killed for being busy"
    if container["livenessProbe"]["failureThreshold"] < 3:
        yield f"{name}: one slow answer restarts it"
    for resource, amount in container["resources"].get("limits", {}).items():
        if "/" in resource and not isinstance(amount, int):
            yield f"{name}: {resource} must be a whole number, not {amount!r}"
    if pod(manifest)["spec"]["terminationGracePeriodSeconds"] < 30:
        yield f"{name}: killed before it has drained"
    if "checksum/settings" not in pod(manifest)["metadata"]["annotations"]:
        yield f"{name}: new settings do not restart it"


def _of_jobs(objects: Sequence[Object]) -> Iterator[str]:
    for name, job in of_kind(objects, "Job").items():
        component = job["metadata"]["labels"][COMPONENT]
        args = pod(job)["spec"]["containers"][0]["args"]
        if [word for word in args if word != "--acls"] != JOBS.get(component):
            yield f"{name}: runs {args}"
        if pod(job)["spec"]["restartPolicy"] != "OnFailure" or job["spec"]["backoffLimit"] < 3:
            yield f"{name}: gives up while the broker is still starting"


def _of_doctor(objects: Sequence[Object]) -> Iterator[str]:
    """``helm test`` runs the doctor, once, in a pod that Helm alone makes and removes."""
    pods = of_kind(objects, "Pod")
    if list(pods) != ["music-earmark-doctor"]:
        yield f"helm test would run {list(pods)}"
    for name, item in pods.items():
        if item["metadata"].get("annotations", {}).get("helm.sh/hook") != "test":
            yield f"{name}: runs at other times than helm test"
        if item["spec"]["containers"][0]["args"] != ["doctor"]:
            yield f"{name}: runs {item['spec']['containers'][0]['args']}"
        if item["spec"]["restartPolicy"] != "Never":
            yield f"{name}: what it finds would be asked again and again"


def _of_environments(objects: Sequence[Object], files: Path) -> Iterator[str]:
    for kind in ("Deployment", "Job", "Pod"):
        for name, item in of_kind(objects, kind).items():
            yield from _of_environment(name, item, objects, files)


def _of_environment(
    name: str, manifest: Object, objects: Sequence[Object], files: Path
) -> Iterator[str]:
    maps = of_kind(objects, "ConfigMap")
    strange = [key for key in maps["music-earmark-settings"]["data"] if not key.startswith(PREFIX)]
    if strange:
        yield f"{name}: no setting of ours is called {strange}"
    variables = {
        key: value
        for key, value in environment(manifest, objects).items()
        if key.startswith(PREFIX)
    }
    mounts = [m["mountPath"] for m in pod(manifest)["spec"]["containers"][0]["volumeMounts"]]
    for key, value in variables.items():
        if key.endswith("_FILE"):  # a file that is not there would be refused
            if not any(value.startswith(f"{mount}/") for mount in mounts):
                yield f"{name}: {key} names {value}, where nothing is mounted"
            (files / Path(value).name).write_text("text")
            variables[key] = str(files / Path(value).name)
    if (link_key := PREFIX + "LINK_KEY") in variables:
        variables[link_key] *= 8  # a short one would be refused
    settings = _settings(frozenset(variables.items()))
    if isinstance(settings, SettingsError):
        yield f"{name}: {settings}"
        return
    if (settings.metrics_host, settings.metrics_port) != ("0.0.0.0", PORT):  # noqa: S104
        yield f"{name}: probes cannot reach it"
    if settings.console_host != "0.0.0.0":  # noqa: S104 - in a pod
        yield f"{name}: nobody could reach the console"
    process = PROCESSES.get(name.removeprefix("music-earmark-"))
    used = process.secrets if process else SECRETS
    if "ledger" in used and PREFIX + "LEDGER" not in variables:
        yield f"{name}: without a ledger"
    if "index" in used and not {PREFIX + "LEDGER", PREFIX + "INDEX"} & variables.keys():
        yield f"{name}: without an index"
    for variable in pod(manifest)["spec"]["containers"][0].get("env", []):
        setting = variable["name"].removeprefix(PREFIX).lower()
        if setting in set(SECRETS) - set(used):
            yield f"{name}: has the secret {setting}, which it does not use"


@cache
def _settings(variables: frozenset[tuple[str, str]]) -> Settings | SettingsError:
    """Return what a process reads; workloads of a rendering have nearly the same variables."""
    try:
        return Settings.from_env(dict(variables))
    except SettingsError as error:
        return error


def _of_selectors(objects: Sequence[Object]) -> Iterator[str]:
    deployments = of_kind(objects, "Deployment")
    for name, deployment in deployments.items():
        expected = deployment["spec"]["selector"]["matchLabels"]
        if not expected.items() <= pod(deployment)["metadata"]["labels"].items():
            yield f"{name}: selects pods that are not its own"
        if any("version" in label or "chart" in label for label in expected):
            yield f"{name}: its selector, which cannot change, names a version"
        for spread in pod(deployment)["spec"].get("topologySpreadConstraints", []):
            if spread["labelSelector"]["matchLabels"] != expected:
                yield f"{name}: is spread over the pods of others"
    for deployment in objects:
        selector = deployment.get("spec", {}).get(
            "podSelector", deployment.get("spec", {}).get("selector")
        )
        if selector and not OURS.items() <= selector.get("matchLabels", selector).items():
            named = f"{deployment['kind']} {deployment['metadata']['name']}"
            yield f"{named}: selects pods of other releases"
    for name, deployment in of_kind(objects, "PodDisruptionBudget").items():
        if _matched(deployment["spec"]["selector"], deployments) != [name]:
            yield f"PodDisruptionBudget {name}: protects other pods than {name}'s"
        if deployment["spec"].get("unhealthyPodEvictionPolicy") != "AlwaysAllow":
            yield f"PodDisruptionBudget {name}: no node can be drained while the broker is away"
    accounts = of_kind(objects, "ServiceAccount")
    if any(
        deployment.get("automountServiceAccountToken") is not False
        for deployment in accounts.values()
    ):
        yield "the service account gives its token to everybody"


def _matched(selector: Object, deployments: dict[str, Object]) -> list[str]:
    expected = selector["matchLabels"].items()
    return [name for name, one in deployments.items() if expected <= _pod_labels(one).items()]


def _pod_labels(manifest: Object) -> dict[str, str]:
    return dict(pod(manifest)["metadata"]["labels"])


def _of_scaling(objects: Sequence[Object]) -> Iterator[str]:
    deployments = of_kind(objects, "Deployment")
    scaled: list[str] = []
    for name, deployment in of_kind(objects, "ScaledObject").items():
        scaled.append(name)
        target = deployment["spec"]["scaleTargetRef"]["name"]
        if target not in deployments or target != name:
            yield f"ScaledObject {name}: scales {target}"
            continue
        yield from _of_trigger(name, deployment["spec"], environment(deployments[target], objects))
        reference = deployment["spec"]["triggers"][0].get("authenticationRef", {}).get("name")
        if reference is not None and reference not in of_kind(objects, "TriggerAuthentication"):
            yield f"ScaledObject {name}: authenticates by {reference}, which is not there"
    for name, deployment in of_kind(objects, "HorizontalPodAutoscaler").items():
        scaled.append(name)
        if deployment["spec"]["scaleTargetRef"] != {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "name": name,
        }:
            yield f"HorizontalPodAutoscaler {name}: scales something else"
        metric = deployment["spec"]["metrics"][0]["external"]["metric"]
        if metric["name"] != "earmark_consumer_lag":
            yield f"HorizontalPodAutoscaler {name}: a metric that nobody has"
        if f"music-earmark-{metric['selector']['matchLabels']['processor']}" != name:
            yield f"HorizontalPodAutoscaler {name}: another's lag"
    for name, deployment in deployments.items():
        if ("replicas" in deployment["spec"]) == (name in scaled):
            yield f"{name}: replicas and autoscaling fight, or it has neither"


def _of_trigger(name: str, spec: Object, variables: dict[str, str]) -> Iterator[str]:
    (trigger,) = spec["triggers"]
    arguments, component = trigger["metadata"], name.removeprefix("music-earmark-")
    if trigger["type"] != "kafka" or not arguments.keys() <= KAFKA_TRIGGER:
        yield f"ScaledObject {name}: KEDA does not know {trigger['type']} {sorted(arguments)}"
    if (
        arguments.get("consumerGroup")
        != f"{variables.get(PREFIX + 'GROUP_PREFIX', 'earmark')}.{component}"
    ):
        yield f"ScaledObject {name}: another's group"
    if arguments.get("bootstrapServers") != variables[PREFIX + "BROKERS"]:
        yield f"ScaledObject {name}: another broker"
    if "topic" in arguments and arguments["topic"] not in topics.EVENTS:
        yield f"ScaledObject {name}: there is no topic {arguments['topic']}"
    if (
        not 0
        <= spec["minReplicaCount"]
        <= spec["maxReplicaCount"]
        <= int(variables[PREFIX + "PARTITIONS"])
    ):
        yield f"ScaledObject {name}: more replicas than partitions"
    secured = variables[PREFIX + "SECURITY_PROTOCOL"] != "PLAINTEXT"
    if secured != ("authenticationRef" in trigger):
        yield f"ScaledObject {name}: cannot get into the broker"


def _of_monitoring(objects: Sequence[Object]) -> Iterator[str]:
    deployments = of_kind(objects, "Deployment")
    for name, item in of_kind(objects, "PodMonitor").items():
        if len(_matched(item["spec"]["selector"], deployments)) != len(deployments):
            yield f"PodMonitor {name}: does not see every pod"
        if item["spec"]["namespaceSelector"] != {"matchNames": ["earmark"]}:
            yield f"PodMonitor {name}: looks in another namespace"
        (endpoint,) = item["spec"]["podMetricsEndpoints"]
        if (endpoint["port"], endpoint["path"]) != ("metrics", "/metrics"):
            yield f"PodMonitor {name}: asks at the wrong place"
        if [rule["targetLabel"] for rule in endpoint["relabelings"]] != ["process"]:
            yield f"PodMonitor {name}: no label says which process it is"
    for name, item in of_kind(objects, "PrometheusRule").items():
        rules = [rule for group in item["spec"]["groups"] for rule in group["rules"]]
        if {rule["alert"] for rule in rules if "alert" in rule} != _alerts():
            yield f"PrometheusRule {name}: not the alerts of the file"
        for rule in rules:
            if "alert" in rule and not rule["annotations"]["runbook_url"].endswith(
                f"runbooks.md#{rule['alert'].lower()}"
            ):
                yield f"PrometheusRule {name}: {rule['alert']} leads to no runbook"
    for name, item in of_kind(objects, "ConfigMap").items():
        if "-dashboard-" in name:
            if item["metadata"]["labels"].get("grafana_dashboard") != "1":
                yield f"{name}: Grafana's sidecar does not see it"
            ((file_name, text),) = item["data"].items()
            if json.loads(text) != json.loads((CHART / "files/dashboards" / file_name).read_text()):
                yield f"{name}: not the dashboard of the file"


@cache
def _alerts() -> set[str]:
    """Return the names in the file of alerts."""
    file = yaml.safe_load((CHART / "files" / "alerts.yaml").read_text())
    return {rule["alert"] for group in file["groups"] for rule in group["rules"] if "alert" in rule}


def _of_network(objects: Sequence[Object]) -> Iterator[str]:
    for name, item in of_kind(objects, "NetworkPolicy").items():
        spec: Any = item["spec"]
        if set(spec["policyTypes"]) != {"Ingress", "Egress"}:
            yield f"NetworkPolicy {name}: closes one direction alone"
        deployments = of_kind(objects, "Deployment")
        if len(_matched(spec["podSelector"], deployments)) != len(deployments):
            yield f"NetworkPolicy {name}: leaves pods out"
        ports = {"metrics"} | ({"http"} if "music-earmark-console" in deployments else set())
        if {port["port"] for rule in spec["ingress"] for port in rule["ports"]} != ports:
            yield f"NetworkPolicy {name}: Prometheus is shut out, or others are let in"
        open_ports = {port["port"] for rule in spec["egress"] for port in rule["ports"]}
        for rule in spec["egress"]:
            if {port["port"] for port in rule["ports"]} == {53}:
                continue  # the cluster chooses its name servers
            if led := [item for item in METADATA if _leads_to(item, rule)]:
                yield f"NetworkPolicy {name}: leads to the metadata service at {led}"
        variables = environment(next(iter(deployments.values())), objects)
        brokers = {
            int(item.rpartition(":")[2]) for item in variables[PREFIX + "BROKERS"].split(",")
        }
        if not {53, *brokers} <= open_ports:
            yield f"NetworkPolicy {name}: no way to {sorted(brokers)}, or none to DNS"


def _leads_to(address: str, rule: Object) -> bool:
    """Return whether a rule of egress lets an address outside of the cluster be reached."""
    if not rule.get("to"):
        return True
    blocks = [peer["ipBlock"] for peer in rule["to"] if "ipBlock" in peer]
    where = ip_address(address)
    return any(
        where in ip_network(block["cidr"])
        and not any(where in ip_network(one) for one in block.get("except", []))
        for block in blocks
    )


def _of_console(objects: Sequence[Object]) -> Iterator[str]:
    deployments, services = of_kind(objects, "Deployment"), of_kind(objects, "Service")
    if ("music-earmark-console" in deployments) != ("music-earmark-console" in services):
        yield "the console has no service, or a service no console"
    for name, service in services.items():
        if _matched({"matchLabels": service["spec"]["selector"]}, deployments) != [name]:
            yield f"Service {name}: leads to other pods than {name}'s"
        if [port["targetPort"] for port in service["spec"]["ports"]] != ["http"]:
            yield f"Service {name}: leads to another port"
    for name, service in of_kind(objects, "Ingress").items():
        (rule,) = service["spec"]["rules"]
        (path,) = rule["http"]["paths"]
        if (path["path"], path["pathType"]) != ("/", "Prefix"):
            yield f"Ingress {name}: not everything gets through"
        if path["backend"]["service"] != {"name": name, "port": {"name": "http"}}:
            yield f"Ingress {name}: leads elsewhere"
        scheme = "https" if service["spec"].get("tls") else "http"
        variables = environment(deployments[name], objects)
        if variables.get(PREFIX + "CONSOLE_URL") != f"{scheme}://{rule['host']}":
            yield f"Ingress {name}: the console does not know its address"
        if any(rule["host"] not in tls["hosts"] for tls in service["spec"].get("tls", [])):
            yield f"Ingress {name}: the certificate is for another host"
