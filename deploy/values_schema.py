"""``values.schema.json`` of the chart: every key is known, and a wrong one is refused by name.

The settings in it are those of ``streams.runtime.settings``, with their types and limits.
"""

from typing import Any, Final

from streams.contract.processes import PROCESSES
from streams.runtime.settings import Settings

# The chart sets these itself, or they have a value of their own.
NOT_IN_SETTINGS: Final = frozenset(
    {"metrics_host", "metrics_port", "ledger", "security_protocol"}
    | {"console_host", "console_port", "console_url"}
    | {"audit_key", "link_key", "oidc_issuer", "oidc_client_id", "oidc_client_secret"}
    | {"smtp_username", "smtp_password"}
    | {name for name in Settings.model_fields if name.startswith(("sasl_", "tls_"))}
)

Schema = dict[str, Any]

TEXT: Final[Schema] = {"type": "string"}
NAME: Final[Schema] = {"type": "string", "minLength": 1}
FLAG: Final[Schema] = {"type": "boolean"}
LIST: Final[Schema] = {"type": "array", "items": {"type": "object"}}
NAMES: Final[Schema] = {"type": "array", "items": NAME}
ANY_OBJECT: Final[Schema] = {"type": "object"}  # what Kubernetes checks, we do not
WORDS: Final[Schema] = {"type": "object", "additionalProperties": TEXT}
PULL: Final[Schema] = {"enum": ["Always", "IfNotPresent", "Never"]}
BLOCKS: Final[Schema] = {
    "type": "array",
    "items": {"type": "string", "pattern": "^[0-9a-fA-F.:]+/[0-9]+$"},
}
QUANTITY: Final[Schema] = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?([EPTGMK]i?|k|m)?$"}


def schema() -> Schema:
    """Return the whole schema."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of the chart earmark",
        "definitions": {"process": _process(), "settings": _settings(), "image": _image()},
        **_object(
            fullnameOverride=TEXT,
            nameOverride=TEXT,
            namespaceOverride=TEXT,
            commonLabels=WORDS,
            image=_ref("image"),
            imagePullSecrets=NAMES,
            settings=_ref("settings"),
            ledger=_object(
                existingSecret=TEXT, key=NAME, url=TEXT, auditSecret=TEXT, auditKey=NAME
            ),
            index=_object(existingSecret=TEXT, key=NAME),
            kafka=_kafka(),
            policy=_object(content=TEXT, existingConfigMap=TEXT, key=NAME),
            persistence=_object(
                enabled=FLAG,
                existingClaim=TEXT,
                storageClass=TEXT,
                accessModes={
                    "type": "array",
                    "minItems": 1,
                    "items": {"enum": ["ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"]},
                },
                size=QUANTITY,
                annotations=WORDS,
            ),
            console=_console(),
            topicsJob=_object(enabled=FLAG, acls=FLAG),
            migrateJob=_object(enabled=FLAG),
            jobResources=_resources(),
            doctor=_object(enabled=FLAG, resources=_resources()),
            common=_ref("process"),
            processors=_object(**{name: _ref("process") for name in PROCESSES}),
            serviceAccount=_object(create=FLAG, name=TEXT, annotations=WORDS),
            podSecurityContext=ANY_OBJECT,
            containerSecurityContext=ANY_OBJECT,
            networkPolicy=_object(
                enabled=FLAG, metricsFrom=LIST, consoleFrom=LIST, egress=LIST, **{"except": BLOCKS}
            ),
            podMonitor=_object(enabled=FLAG, namespace=TEXT, interval=_duration(), labels=WORDS),
            prometheusRule=_object(
                enabled=FLAG,
                namespace=TEXT,
                labels=WORDS,
                alertLabels=WORDS,
                disabled=NAMES,
                runbooks=NAME,
            ),
            dashboards=_object(
                enabled=FLAG, namespace=TEXT, label=NAME, labelValue=TEXT, annotations=WORDS
            ),
            extraObjects=LIST,
            **{"global": ANY_OBJECT},  # Helm's own, where the chart is a part of another
        ),
    }


def _resources() -> Schema:
    return _object(requests=ANY_OBJECT, limits=ANY_OBJECT, claims=LIST)


def _process() -> Schema:
    return _object(
        enabled=FLAG,
        replicas=_whole(0),
        settings=_ref("settings"),
        kafkaUser=TEXT,
        image=_ref("image"),
        resources=_resources(),
        startupSeconds=_whole(5),
        terminationGracePeriodSeconds=_whole(1),
        rollingUpdate=_object(maxSurge=_share(), maxUnavailable=_share()),
        autoscaling=_object(
            kind={"enum": ["none", "hpa", "keda"]},
            minReplicas=_whole(0),
            maxReplicas={"type": ["integer", "null"], "minimum": 1},
            lagThreshold=_whole(1),
            activationLagThreshold=_whole(0),
            pollingInterval=_whole(1),
            cooldownPeriod=_whole(0),
            stabilizationSeconds=_whole(0),
        ),
        pdb=_object(
            enabled=FLAG,
            maxUnavailable=_share(),
        ),
        gpu=_object(
            enabled=FLAG,
            image=_ref("image"),
            resource={"type": "string", "pattern": r"^[a-z0-9.-]+/[A-Za-z0-9._-]+$"},
            count=_whole(1),  # an extended resource has no halves
            runtimeClassName=TEXT,
            nodeSelector=WORDS,
            tolerations=LIST,
        ),
        nodeSelector=WORDS,
        tolerations=LIST,
        affinity=ANY_OBJECT,
        topologySpreadConstraints=LIST,
        priorityClassName=TEXT,
        annotations=WORDS,
        podAnnotations=WORDS,
        podLabels=WORDS,
        tmpSize=QUANTITY,
        extraEnv=LIST,
        extraEnvFrom=LIST,
        extraVolumes=LIST,
        extraVolumeMounts=LIST,
        extraContainers=LIST,
        initContainers=LIST,
    )


def _kafka() -> Schema:
    fields = Settings.model_fields
    return _object(
        securityProtocol={"enum": list(_literals(fields["security_protocol"].annotation))},
        sasl=_object(
            mechanism={"enum": list(_literals(fields["sasl_mechanism"].annotation))},
            existingSecret=TEXT,
            usernameKey=NAME,
            passwordKey=NAME,
        ),
        tls=_object(existingSecret=TEXT, caKey=TEXT, certKey=TEXT, keyKey=TEXT),
    )


def _console() -> Schema:
    return _object(
        url={"type": "string", "pattern": "^(https?://[^/?#@ ]+/?)?$"},
        linkSecret=TEXT,
        linkKey=NAME,
        smtp=_object(username=TEXT, existingSecret=TEXT, key=NAME),
        oidc=_object(issuer=TEXT, clientId=NAME, existingSecret=TEXT, key=NAME),
        service=_object(
            type={"enum": ["ClusterIP", "NodePort", "LoadBalancer"]},
            port={"type": "integer", "minimum": 1, "maximum": 65_535},
            annotations=WORDS,
        ),
        ingress=_object(enabled=FLAG, className=TEXT, host=TEXT, tlsSecret=TEXT, annotations=WORDS),
    )


def _settings() -> Schema:
    known = Settings.model_json_schema()["properties"]
    return _object(
        **{
            name: {
                key: value
                for key, value in field.items()
                if key not in ("default", "title", "format")
            }
            for name, field in known.items()
            if name not in NOT_IN_SETTINGS
        }
    )


def _image() -> Schema:
    digest = {"type": "string", "pattern": "^(sha256:[0-9a-f]{64})?$"}
    return _object(repository=NAME, tag=TEXT, digest=digest, pullPolicy=PULL)


def _literals(annotation: Any) -> list[str]:
    """Return the words of a ``Literal``, also of one that may be None."""
    words = [one for one in getattr(annotation, "__args__", ()) if isinstance(one, str)]
    if words:
        return words
    return [word for part in getattr(annotation, "__args__", ()) for word in _literals(part)]


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/definitions/{name}"}


def _share() -> Schema:
    return {"anyOf": [_whole(0), {"type": "string", "pattern": "^[0-9]{1,3}%$"}]}


def _whole(least: int) -> Schema:
    return {"type": "integer", "minimum": least}


def _duration() -> Schema:
    return {"type": "string", "pattern": "^([0-9]+(ms|[smhd]))+$"}
