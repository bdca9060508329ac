"""The chart, rendered: every variant is sound, planted faults are found, wrong values refused."""

import re
import shutil
from pathlib import Path

import pytest
import yaml

from deploy.chart_readme import Unexplained, readme
from deploy.generate import ROOT, generated
from deploy.values_schema import NOT_IN_SETTINGS
from streams.contract.processes import PROCESSES
from streams.runtime.settings import PREFIX, Settings
from tests.deploy import helm
from tests.deploy.checks import COMPONENT, environment, pod, problems
from tests.deploy.helm import CHART, KUBERNETES, VARIANTS, Refused, of_kind, render, values_file

# template: a variant that uses it, what is changed, into what
FAULTS = {
    "autoscaling.yaml": [
        ("gpu", "lagThreshold:", "lagTreshold:"),
        ("gpu", "kind: Deployment\n    name:", "kind: StatefulSet\n    name:"),
        ("gpu", 'printf "%s.%s" $prefix $name', 'printf "%s-%s" $prefix $name'),
        ("sasl", "kind: TriggerAuthentication", "kind: TriggerAuthentification"),
        ("sasl", "parameter: username", "parametre: username"),
        ("gpu", "maxReplicaCount: {{ $most }}", "maxReplicaCount: 99"),
    ],
    "configmap.yaml": [
        ("default", 'EARMARK_METRICS_HOST: "0.0.0.0"', 'EARMARK_METRICS_HOST: "127.0.0.1"'),
        ("default", "EARMARK_{{ upper $name }}", "EARMARK{{ upper $name }}"),
        ("sasl", "EARMARK_SASL_MECHANISM:", "EARMARK_SASL_MECANISM:"),
        ("minimal", "EARMARK_LEDGER:", "EARMARK_STORE:"),
        ("sasl", "/etc/earmark/kafka-tls/{{ . }}", "/etc/earmark/tls/{{ . }}"),
    ],
    "console.yaml": [
        ("default", "targetPort: http", "targetPort: metrics"),
        ("default", "component: console\n{{- with", "component: decide\n{{- with"),
        ("gpu", "port: {name: http}", "port: {name: web}"),
        ("gpu", "pathType: Prefix", "pathType: prefix"),
    ],
    "deployment.yaml": [
        ("default", "path: /ready", "path: /live"),
        ("default", "args: [worker, {{ $name }}]", "args: [{{ $name }}]"),
        ("default", "automountServiceAccountToken: false", ""),
        ("gpu", "(int $process.gpu.count)", '(printf "%v500m" $process.gpu.count)'),
        ("default", "containerPort: 9464", "containerPort: 9465"),
        ("default", "failureThreshold: 3", "failureThresold: 3"),
        ("default", "checksum/settings:", "checksum/other:"),
        ("default", '{{- if eq $process.autoscaling.kind "none" }}', "{{- if false }}"),
    ],
    "jobs.yaml": [
        ("default", '"topics" "apply"', '"topic" "apply"'),
        ("default", 'default "OnFailure"', 'default "Always"'),
    ],
    "tests/doctor.yaml": [
        ("default", '(list "doctor")', '(list "docter")'),
        ("default", '"helm.sh/hook" "test"', '"helm.sh/hook" "post-install"'),
        ("default", '"Never"', '"Always"'),
        ("default", "-doctor", "-fingerprint"),
    ],
    "pdb.yaml": [
        ("default", "app.kubernetes.io/component: {{ $name }}\n{{- end", "\n{{- end"),
        ("default", "unhealthyPodEvictionPolicy: AlwaysAllow", ""),
    ],
    "pvc.yaml": [("default", "accessModes:", "accessMode:")],
    "serviceaccount.yaml": [("default", "automountServiceAccountToken: false", "")],
    "networkpolicy.yaml": [
        ("sasl", "port: metrics", "port: 9000"),
        ("sasl", "last)", "first)"),
        ("gpu", "[Ingress, Egress]", "[Ingress]"),
        ("gpu", "if not .to", "if false"),
    ],
    "podmonitor.yaml": [
        ("gpu", "port: metrics", "port: http"),
        ("gpu", "podMetricsEndpoints", "endpoints"),
        ("gpu", "targetLabel: process", "targetLabel: prozess"),
        ("gpu", '- {{ include "earmark.namespace" . }}', "- {{ .Values.podMonitor.namespace }}"),
    ],
    "prometheusrule.yaml": [
        ("gpu", "runbook_url", "runbook"),
        ("gpu", "groups:", "group:"),
    ],
    "dashboards.yaml": [("gpu", "toString $content", "trunc 100 (toString $content)")],
    "extra.yaml": [("sasl", "tpl (toYaml .) $", "toYaml .")],
    "_helpers.tpl": [
        ("default", "app.kubernetes.io/instance: {{ .Release.Name }}", "app: {{ .Release.Name }}"),
        ("sasl", "mountPath: /etc/earmark/kafka-password", "mountPath: /etc/earmark/password"),
        ("default", "name: EARMARK_LEDGER", "name: EARMARK_LEGDER"),
        ("default", "- name: tmp\n  mountPath: /tmp", "- name: temp\n  mountPath: /tmp"),
        ("sasl", '{{ printf "%.0f" . }}', "{{ . }}"),
        ("sasl", "if eq (contains", "if ne (contains"),
        (
            "default",
            "default .Release.Namespace .Values.namespaceOverride",
            "default .Values.namespaceOverride",
        ),
    ],
}
WRONG = [
    ("replicas=2", "replicas"),
    ("processors.clasify.replicas=2", "clasify"),
    ("processors.classify.replica=2", "replica"),
    ("processors.classify.replicas=two", "replicas"),
    ("processors.classify.gpu.count=1500m", "count"),
    ("processors.classify.autoscaling.kind=vpa", "kind"),
    ("processors.classify.settings.alpah=1", "alpah"),
    ("settings.alpah=0.1", "alpah"),
    ("settings.alpha=0.9", "alpha"),
    ("settings.metrics_port=1", "metrics_port"),
    ("settings.sasl_password=secret", "sasl_password"),
    ("settings.device=tpu", "device"),
    ("image.pullPolicy=Sometimes", "pullPolicy"),
    ("image.digest=abc", "digest"),
    ("kafka.securityProtocol=TLS", "securityProtocol"),
    ("kafka.securityProtocol=SASL_SSL", "kafka.sasl.existingSecret"),
    ("ledger.existingSecret=", "ledger.existingSecret"),
    ("ledger.url=sqlite://", "ledger.url"),
    ("processors.monitor.replicas=2", "processors.monitor.replicas"),
    ("console.ingress.enabled=true", "console.ingress.host"),
    ("console.ingress.enabled=true,console.ingress.host=a.example", "settings.trusted_proxies"),
    ("console.url=labels.example.org", "url"),
    ("console.oidc.issuer=https://login.example.org", "console.oidc.existingSecret"),
    ("settings.oidc_issuer=https://login.example.org", "oidc_issuer"),
    ("podMonitor.interval=soon", "interval"),
    ("persistence.size=plenty", "size"),
    ("processors.classify.rollingUpdate.maxSurge=-1", "maxSurge"),
    ("networkPolicy.except={metadata}", "except"),
    ("processors.classify.autoscaling.maxReplicas=13", "maxReplicas"),
]


@pytest.mark.parametrize("kubernetes", KUBERNETES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_is_sound(variant: str, kubernetes: str, tmp_path: Path) -> None:
    assert problems(helm.variant(variant, kubernetes), kubernetes, tmp_path) == []


@pytest.mark.parametrize("variant", VARIANTS)
def test_helm_lint_finds_nothing(variant: str) -> None:
    arguments = ("--strict", "--kube-version", "1.34.0", "-f", str(values_file(variant)))
    assert "0 chart(s) failed" in helm.run("lint", str(CHART), *arguments)


def test_every_template_has_a_fault_planted() -> None:
    folder = CHART / "templates"
    templates = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert templates - {"NOTES.txt"} == FAULTS.keys()


@pytest.mark.parametrize(
    ("template", "number"),
    [(template, number) for template, faults in FAULTS.items() for number in range(len(faults))],
)
def test_a_planted_fault_is_found(template: str, number: int, tmp_path: Path) -> None:
    variant, old, new = FAULTS[template][number]
    chart = tmp_path / "earmark"
    shutil.copytree(CHART, chart)
    path = chart / "templates" / template
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    try:
        objects = render("-f", str(values_file(variant)), chart=chart)
        errors = problems(objects, "1.34", tmp_path)
    except (Refused, KeyError, ValueError, StopIteration) as error:
        errors = [repr(error)]
    assert errors != []


@pytest.mark.parametrize(("wrong", "key"), WRONG)
def test_a_wrong_value_is_refused_by_its_name(wrong: str, key: str) -> None:
    extra = ["--set", "processors.classify.autoscaling.kind=keda"] if "maxRep" in wrong else []
    with pytest.raises(Refused, match=key.replace(".", r"\.")):
        render("--set-json" if "=0." in wrong else "--set", wrong, *extra)


def test_every_process_has_its_deployment() -> None:
    numbers = of_kind(helm.variant("default"), "Deployment").values()
    assert {one["metadata"]["labels"][COMPONENT] for one in numbers} == set(PROCESSES)


def test_every_setting_can_be_set_and_every_variable_is_a_setting(tmp_path: Path) -> None:
    """Each variable of the chart is a setting, and each setting is reached by a value."""
    everything = {
        name: _some(name) for name in Settings.model_fields if name not in NOT_IN_SETTINGS
    }
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump({"settings": everything}))
    secured = str(values_file("sasl"))
    names: set[str] = set()
    for arguments in (("-f", secured, "-f", str(values)), ("-f", str(values_file("minimal")))):
        objects = render(*arguments)
        for deployment in of_kind(objects, "Deployment").values():
            names |= {name for name in environment(deployment, objects) if name.startswith(PREFIX)}
    settings = {name.removeprefix(PREFIX).lower() for name in names}
    assert settings == set(Settings.model_fields) - {"sasl_password"}  # the file's is used


def _some(name: str) -> object:
    default = Settings.model_fields[name].default
    return str(default or "x") if not isinstance(default, (int, float)) else default


def test_gpus_are_asked_for_by_slices() -> None:
    classify = of_kind(helm.variant("gpu"), "Deployment")["music-earmark-classify"]
    spec = pod(classify)["spec"]
    assert spec["containers"][0]["resources"]["limits"]["nvidia.com/mig-1g.10gb"] == 1
    assert spec["nodeSelector"]["nvidia.com/mig.strategy"] == "mixed"
    assert [one["key"] for one in spec["tolerations"]] == ["dedicated", "nvidia.com/gpu"]
    assert environment(classify, helm.variant("gpu"))["EARMARK_DEVICE"] == "cuda"
    decide = of_kind(helm.variant("gpu"), "Deployment")["music-earmark-decide"]
    assert "nvidia.com/gpu" not in str(pod(decide))


def test_a_process_with_a_gpu_has_the_image_with_cuda_and_others_the_small_one() -> None:
    def images(*arguments: str) -> dict[str, str]:
        objects = render(*arguments)
        return {
            name.removeprefix("music-earmark-"): pod(one)["spec"]["containers"][0]["image"]
            for name, one in of_kind(objects, "Deployment").items()
        }

    plain = images()
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]
    assert set(plain.values()) == {f"earmark:{version}"}
    with_gpu = images("--set", "processors.classify.gpu.enabled=true")
    assert with_gpu == plain | {"classify": f"earmark-classify:{version}"}
    deployed = images("-f", str(values_file("gpu")))
    assert deployed["classify"] == "registry.example.org/earmark-classify:0.1.1"
    assert deployed["decide"] == f"registry.example.org/earmark@sha256:{'1' * 64}"


def test_replicas_are_capped_by_partitions() -> None:
    scaled = of_kind(helm.variant("gpu"), "ScaledObject")
    assert scaled["music-earmark-fingerprint"]["spec"]["maxReplicaCount"] == 24
    assert scaled["music-earmark-classify"]["spec"]["maxReplicaCount"] == 4


def test_the_autoscaler_gets_in_by_the_same_secrets() -> None:
    (numbers,) = of_kind(helm.variant("sasl"), "TriggerAuthentication").values()
    parameters = {
        entry["parameter"]: (entry["name"], entry["key"])
        for entry in numbers["spec"]["secretTargetRef"]
    }
    assert parameters == {
        "username": ("kafka-user", "username"),
        "password": ("kafka-user", "password"),
        "ca": ("kafka-tls", "ca.crt"),
        "cert": ("kafka-tls", "tls.crt"),
        "key": ("kafka-tls", "tls.key"),
    }
    (scaled,) = of_kind(helm.variant("sasl"), "ScaledObject").values()
    assert scaled["spec"]["triggers"][0]["metadata"]["sasl"] == "scram_sha512"
    assert scaled["spec"]["triggers"][0]["metadata"]["tls"] == "enable"


def test_extras_reach_the_pod() -> None:
    spec = pod(of_kind(helm.variant("sasl"), "Deployment")["music-earmark-fingerprint"])["spec"]
    assert [one["name"] for one in spec["containers"]] == ["fingerprint", "proxy"]
    assert [one["name"] for one in spec["initContainers"]] == ["wait"]
    assert {"secretRef": {"name": "bucket"}} in spec["containers"][0]["envFrom"]
    assert spec["priorityClassName"] == "batch"
    assert spec["imagePullSecrets"] == [{"name": "registry"}]


def test_annotations_reach_the_deployment_and_not_its_pods() -> None:
    options = (
        "--set",
        "common.annotations.reloader=auto",
        "--set",
        "common.podAnnotations.mesh=off",
    )
    decide = of_kind(render(*options), "Deployment")["music-earmark-decide"]
    assert decide["metadata"]["annotations"] == {"reloader": "auto"}
    annotations = pod(decide)["metadata"]["annotations"]
    assert (annotations["mesh"], "reloader" in annotations) == ("off", False)


def test_jobs_go_where_the_processes_go() -> None:
    """On a cluster whose nodes are all tainted they would wait for ever otherwise."""
    options = ("--set", "common.nodeSelector.pool=music", "--set", "common.priorityClassName=high")
    objects = render("-f", str(values_file("gpu")), *options)
    jobs = [pod(one)["spec"] for one in of_kind(objects, "Job").values()]
    for spec in (*jobs, of_kind(objects, "Pod")["music-earmark-doctor"]["spec"]):
        assert spec["tolerations"] == [
            {"key": "dedicated", "value": "music", "effect": "NoSchedule"}
        ]
        assert spec["nodeSelector"] == {"pool": "music"}
        assert spec["priorityClassName"] == "high"


def test_objects_lie_where_they_are_told_to() -> None:
    for arguments, where in (((), "earmark"), (("--set", "namespaceOverride=labels"), "labels")):
        for item in render("-f", str(values_file("gpu")), *arguments):
            kind, name = item["kind"], item["metadata"]["name"]
            apart = kind == "PodMonitor" or "-dashboard-" in name
            assert item["metadata"]["namespace"] == ("monitoring" if apart else where), name


def test_a_pod_is_replaced_as_its_process_says() -> None:
    objects_of_kind = of_kind(helm.variant("gpu"), "Deployment")
    replaced = {
        name: one["spec"]["strategy"].get("rollingUpdate") for name, one in objects_of_kind.items()
    }
    assert replaced["music-earmark-classify"] == {"maxSurge": 0, "maxUnavailable": 1}
    assert replaced["music-earmark-decide"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert replaced["music-earmark-monitor"] is None  # never two


def test_new_settings_make_new_jobs_and_restart_the_pods() -> None:
    item, other = render(), render("--set-json", "settings.alpha=0.02")
    assert of_kind(item, "Job").keys().isdisjoint(of_kind(other, "Job"))
    assert of_kind(item, "Job").keys() == of_kind(render(), "Job").keys()
    name = "music-earmark-decide"
    assert pod(of_kind(item, "Deployment")[name]) != pod(of_kind(other, "Deployment")[name])


def test_a_policy_inline_is_mounted() -> None:
    objects = render("--set-file", f"policy.content={ROOT / 'streams/policy/default.yaml'}")
    text = of_kind(objects, "ConfigMap")["music-earmark-policy"]["data"]["policy.yaml"]
    assert yaml.safe_load(text) == yaml.safe_load(
        (ROOT / "streams/policy/default.yaml").read_text()
    )
    decide = of_kind(objects, "Deployment")["music-earmark-decide"]
    assert environment(decide, objects)["EARMARK_POLICY"] == "/etc/earmark/policy/policy.yaml"


def test_the_values_that_the_readme_shows_make_a_sound_installation(tmp_path: Path) -> None:
    text = (CHART / "README.md").read_text()
    (block,) = re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    values = tmp_path / "mine.yaml"
    values.write_text(block)
    objects = render("-f", str(values))
    assert problems(objects, "1.34", tmp_path) == []
    assert {"PodMonitor", "PrometheusRule"} <= {one["kind"] for one in objects}
    images = {
        pod(one)["spec"]["containers"][0]["image"] for one in of_kind(objects, "Job").values()
    }
    assert images == {re.findall(r"make image TAG=(\S+)", text)[0]}
    secret = re.findall(r"secret generic (\S+)", text)[0]
    assert secret == yaml.safe_load((CHART / "values.yaml").read_text())["ledger"]["existingSecret"]


def test_a_process_has_its_own_kafka_user_and_only_its_secrets() -> None:
    deployments = of_kind(helm.variant("sasl"), "Deployment")
    secrets = {}
    for process in ("fingerprint", "classify", "decide"):
        spec = deployments[f"music-earmark-{process}"]["spec"]["template"]["spec"]
        env = {one["name"]: one for one in spec["containers"][0]["env"]}
        password = {one["name"]: one for one in spec["volumes"]}["kafka-password"]
        user = env["EARMARK_SASL_USERNAME"]["valueFrom"]["secretKeyRef"]["name"]
        assert password["secret"]["secretName"] == user
        stores = env.keys() & {"EARMARK_LEDGER", "EARMARK_INDEX"}
        secrets[process] = (
            user,
            {env[name]["valueFrom"]["secretKeyRef"]["name"] for name in stores},
        )
    assert secrets == {
        "fingerprint": ("kafka-user-fingerprint", {"index"}),
        "classify": ("kafka-user", {"ledger", "index"}),
        "decide": ("kafka-user", {"ledger"}),
    }
    (job,) = (one for name, one in of_kind(helm.variant("sasl"), "Job").items() if "topics" in name)
    assert job["spec"]["template"]["spec"]["containers"][0]["args"] == ["topics", "apply", "--acls"]


def test_the_network_is_closed_unless_it_is_opened() -> None:
    assert of_kind(render("--set", "ledger.url=postgresql://db/e", "--set",
                          "ledger.existingSecret="), "NetworkPolicy")  # fmt: skip


def test_notes_say_the_next_three_steps() -> None:
    text = (CHART / "templates" / "NOTES.txt").read_text()
    assert all(f"\n{number}. " in text for number in (1, 2, 3))


def test_what_is_generated_is_up_to_date() -> None:
    stale = [
        str(path.relative_to(ROOT))
        for path, text in generated().items()
        if not path.exists() or path.read_text() != text
    ]
    assert stale == [], "run: python -m deploy.generate"


def test_a_value_without_a_comment_is_an_error() -> None:
    with pytest.raises(Unexplained, match=r"b\.c"):
        readme("# -- known\na: 1\nb:\n  c: 2\n")
