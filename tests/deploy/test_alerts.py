"""Every alert fires on its fault only, and has a text that names the remedy."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.helm import CHART
from tests.deploy.prometheus import exposed, promtool
from tests.support.paths import ROOT

FILE = CHART / "files" / "alerts.yaml"
RUNBOOKS = ROOT / "docs" / "runbooks.md"
NEVER_LATE = {
    'earmark_upload_to_decision_seconds_bucket{le="30.0"}': "0+10x600",
    "earmark_upload_to_decision_seconds_count": "0+10x600",
}
OFTEN_LATE = NEVER_LATE | {'earmark_upload_to_decision_seconds_bucket{le="30.0"}': "0+8x600"}
ALL_OF_FEW_LATE = {  # two in an hour: too few for an alert
    'earmark_upload_to_decision_seconds_bucket{le="30.0"}': "0x600",
    "earmark_upload_to_decision_seconds_count": "0+0.03x600",
}
A_LITTLE_LATE = NEVER_LATE | {'earmark_upload_to_decision_seconds_bucket{le="30.0"}': "0+9.3x600"}
LAG = 'earmark_consumer_lag{processor="decide",topic="tracks.classified",partition="1"}'
OFFSET = 'earmark_consumer_offset{processor="decide",topic="tracks.classified",partition="1"}'
RESCORE_LAG = 'earmark_consumer_lag{processor="rescore",topic="tracks.rescoring",partition="1"}'
RESCORED = RESCORE_LAG.replace("lag", "offset")
UNREADABLE = 'earmark_dead_letters_total{processor="ledger",reason="unreadable_batch"}'
EXPIRED = 'earmark_events_expired_total{processor="decide",instance="a"}'
LOST = 'earmark_topic_differences{topic="tracks.uploaded",kind="create"}'
RESTARTED = EXPIRED.replace("events_expired", "logs_restarted")
AHEAD = 'earmark_clock_difference_seconds{instance="a"}'
HEARD = 'earmark_ended_total{processor="fingerprint",outcome="emitted"}'
DECIDED = 'earmark_decisions_total{extent="All",restricted="true"}'
MANY = 'earmark_outcomes_total{outcome="no_trace",model="m"}'
AI = 'earmark_outcomes_total{outcome="suspected",model="m"}'
SURE = 'earmark_outcomes_total{outcome="identified",model="m"}'
UNSURE = 'earmark_outcomes_total{outcome="uncertain",model="m"}'
FREE, SIZE = 'earmark_disk_free_bytes{place="store"}', 'earmark_disk_size_bytes{place="store"}'
ENDS = 'earmark_certificate_not_after_seconds{certificate="client"}'
UNTOLD = 'earmark_statements_undelivered_oldest_seconds{{state="{}"}}'
DAY_S = 86_400
SHARE = 'earmark_deliverer_ai_share{{deliverer="d",window="{}"}}'
OF = 'earmark_deliverer_decisions{{deliverer="d",window="{}"}}'
PSI = 'earmark_drift{{model="m",measure="{}"}}'
PV = 'earmark_p_value_distance{{model="m",measure="{}"}}'
REFERENCE = (
    'earmark_reference_drift{{model="m",population="full_rate",deliverer="{}",measure="{}"}}'
)
FALSE = (
    'earmark_false_positive_share{{model="m",by="kind",of="full_rate/even",tier="{}",'
    'evidence="reviews",bound="low"}}'
)
RATE = 'earmark_accepted_false_positive_share{{tier="{}"}}'
FOUND = 'earmark_marks_total{generator="g",outcome="suspected",model="m"}'
MISSED = 'earmark_marks_total{generator="g",outcome="uncertain",model="m"}'
OOD = 'earmark_abstained_total{reason="unlike_known",model="m"}'
SLA = "earmark_review_sla_seconds"
LOW = 'earmark_quality_share{measure="overturned_by_rule",of="no-ai",bound="low"}'
CASES_OF = 'earmark_quality_cases{measure="overturned_by_rule",of="no-ai"}'
NOT_IN_EFFECT = 'earmark_tracks_not_in_effect{{answer="{}"}}'
TASK = 'earmark_review_task_oldest_seconds{queue="appeals"}'

# alert: when (minutes), series that make it fire, series that are near and do not
CASES: dict[str, tuple[int, list[dict[str, str]], list[dict[str, str]]]] = {
    "EarmarkNoDecisions": (
        40,
        [{HEARD: "0+5x60"}, {HEARD: "0+5x60", DECIDED: "7x60"}],
        [{HEARD: "0+5x60", DECIDED: "0+5x60"}, {HEARD: "7x60", DECIDED: "7x60"}],
    ),
    "EarmarkPartitionStuck": (
        40,
        [{LAG: "3x60", OFFSET: "9x60"}],
        [
            {LAG: "3x60", OFFSET: "0+1x60"},  # works, never caught up
            {RESCORE_LAG: "3x60", RESCORED: "9x60"},  # behind all uploads
            {LAG: "0x60", OFFSET: "9x60"},  # nothing to do
            {LAG: "0x30 3x30", OFFSET: "9x60"},  # has only just got something
        ],
    ),
    "EarmarkLagGrowing": (
        40,
        [{LAG: "0+20x60"}],
        [{LAG: "0+2x60"}, {LAG: "5000-20x60"}, {LAG: "500x60"}],
    ),
    "EarmarkRescoreStalled": (
        90,
        [{RESCORE_LAG: "5x120", RESCORED: "9x120"}],
        [{RESCORE_LAG: "5x120", RESCORED: "0+1x120"}, {RESCORE_LAG: "0x120", RESCORED: "9x120"}],
    ),
    "EarmarkEventsExpired": (
        40,
        [{EXPIRED: "0x20 15x60"}, {EXPIRED: "_x20 15x60"}],
        [{EXPIRED: "0x60"}, {EXPIRED: "15x60"}],
    ),
    "EarmarkTopicLost": (
        40,
        [{LOST: "_x10 1x60"}, {RESTARTED: "0x20 3x60"}, {RESTARTED: "_x20 3x60"}],
        [{LOST.replace("create", "grow"): "1x60"}, {RESTARTED: "3x60"}],
    ),
    "EarmarkClockDiffers": (40, [{AHEAD: "300x60"}, {AHEAD: "-90x60"}], [{AHEAD: "30x60"}]),
    "EarmarkDeadLetterShare": (
        40,
        [
            {
                'earmark_dead_letters_total{processor="fingerprint",reason="not_audio"}': "0+1x60",
                'earmark_received_total{processor="fingerprint"}': "0+10x60",
            }
        ],
        [
            {
                'earmark_dead_letters_total{processor="fingerprint",reason="not_audio"}': "0+1x60",
                'earmark_received_total{processor="fingerprint"}': "0+100x60",
            }
        ],
    ),
    "EarmarkUnreadableBatch": (
        40,
        [{UNREADABLE: "0x20 1x60"}, {UNREADABLE: "_x20 1x60"}],
        [{UNREADABLE: "0x60"}, {UNREADABLE: "1x60"}],
    ),
    "EarmarkPaused": (
        40,
        [{'earmark_paused{processor="fingerprint",instance="a"}': "1x60"}],
        [{'earmark_paused{processor="fingerprint",instance="a"}': "0x60"}],
    ),
    "EarmarkLateDecisionsFast": (90, [OFTEN_LATE], [NEVER_LATE, A_LITTLE_LATE, ALL_OF_FEW_LATE]),
    "EarmarkLateDecisionsSlow": (
        420,
        [OFTEN_LATE, A_LITTLE_LATE],
        [NEVER_LATE, ALL_OF_FEW_LATE],
    ),
    "EarmarkEventStuck": (
        40,
        [{'earmark_oldest_in_flight_seconds{processor="fingerprint"}': "0+60x60"}],
        [{'earmark_oldest_in_flight_seconds{processor="fingerprint"}': "240x60"}],
    ),
    "EarmarkRetrying": (
        40,
        [{'earmark_retries_total{processor="ledger"}': "0+5x60"}],
        [{'earmark_retries_total{processor="ledger"}': "0+1x60"}],
    ),
    "EarmarkRebalancing": (
        60,
        [{'earmark_rebalances_total{processor="decide"}': "0+1x60"}],
        [{'earmark_rebalances_total{processor="decide"}': "0x30 4x30"}],
    ),
    "EarmarkAiShareJump": (
        1500,
        [
            {MANY: "0+90x1600", AI: "0+10x1400 14000+60x200"},
            {MANY: "0+90x1600", AI: "0+5x1600", SURE: "0+5x1400 7000+60x200"},
        ],
        [
            {MANY: "0+90x1600", AI: "0+10x1600"},
            # one tier for the other
            {MANY: "0+90x1600", AI: "0+10x1400 14000x200", SURE: "0x1400 0+10x200"},
            {MANY: "0+0.9x1600", AI: "0+0.1x1400 140+0.6x200"},  # too few to say
        ],
    ),
    "EarmarkDelivererAiShareJump": (
        40,
        [{SHARE.format("1h"): "0.5x60", SHARE.format("1d"): "0.1x60", OF.format("1h"): "80x60"}],
        [
            {SHARE.format("1h"): "0.5x60", SHARE.format("1d"): "0.1x60", OF.format("1h"): "8x60"},
            {SHARE.format("1h"): "0.1x60", SHARE.format("1d"): "0.1x60", OF.format("1h"): "80x60"},
        ],
    ),
    "EarmarkDrift": (
        90,
        [{PSI.format("psi"): "0.6x120", PSI.format("psi_by_chance"): "0.01x120"}],
        [
            {PSI.format("psi"): "0.6x120", PSI.format("psi_by_chance"): "0.5x120"},  # few cases
            {PSI.format("psi"): "0.1x120", PSI.format("psi_by_chance"): "0.01x120"},
        ],
    ),
    "EarmarkReferenceDrift": (
        90,
        [
            {
                REFERENCE.format("d", "psi_low"): "0.4x120",
                REFERENCE.format("d", "psi"): "0.6x120",
                REFERENCE.format("d", "psi_by_chance"): "0.05x120",
            }
        ],
        [
            {  # few cases
                REFERENCE.format("d", "psi_low"): "0.4x120",
                REFERENCE.format("d", "psi"): "0.6x120",
                REFERENCE.format("d", "psi_by_chance"): "0.5x120",
            },
            {  # one deliverer's distance is not held against another's chance
                REFERENCE.format("d", "psi_low"): "0.1x120",
                REFERENCE.format("d", "psi"): "0.6x120",
                REFERENCE.format("e", "psi_by_chance"): "0.01x120",
            },
        ],
    ),
    "EarmarkMarksMissed": (
        3060,
        [{FOUND: "0+1x1500 1500x1600", MISSED: "0x1500 0+1x1600"}],
        [
            {FOUND: "0+1x3100", MISSED: "0+1x3100"},
            {FOUND: "0+0.02x1500 30x1600", MISSED: "0x1500 0+0.02x1600"},  # few cases
        ],
    ),
    "EarmarkAbstentionSurge": (
        1500,
        [{MANY: "0+90x1600", OOD: "0+10x1400 14000+60x200"}],
        [{MANY: "0+90x1600", OOD: "0+10x1600"}, {MANY: "0+0.9x1600", OOD: "0x1400 0+0.9x200"}],
    ),
    "EarmarkAgreementsEnding": (
        90,
        [{'earmark_agreements_ending{within="7d"}': "2x120"}],
        [{'earmark_agreements_ending{within="30d"}': "2x120"}],
    ),
    "EarmarkMiscalibrated": (
        90,
        [{PV.format("ks"): "0.4x120", PV.format("ks_by_chance"): "0.1x120"}],
        [{PV.format("ks"): "0.12x120", PV.format("ks_by_chance"): "0.1x120"}],
    ),
    "EarmarkAlphaNotKept": (
        90,
        [{FALSE.format("suspected"): "0.02x120", RATE.format("suspected"): "0.01x120"}],
        [
            {FALSE.format("suspected"): "0.009x120", RATE.format("suspected"): "0.01x120"},
            {  # the rate of the other tier
                FALSE.format("suspected"): "0.009x120",
                RATE.format("suspected"): "0.01x120",
                RATE.format("identified"): "0.001x120",
            },
            {  # only the estimate lies above
                FALSE.format("suspected").replace('"low"', '"share"'): "0.02x120",
                RATE.format("suspected"): "0.01x120",
            },
        ],
    ),
    "EarmarkUncertainSurge": (
        1500,
        [{MANY: "0+90x1600", UNSURE: "0+10x1400 14000+60x200"}],
        [{MANY: "0+90x1600", UNSURE: "0+10x1600"}],
    ),
    "EarmarkModelsDiffer": (
        30,
        [
            {
                'earmark_model_info{model="m",digest="a",instance="1"}': "1x60",
                'earmark_model_info{model="m",digest="b",instance="2"}': "1x60",
            }
        ],
        [
            {
                'earmark_model_info{model="m",digest="a",instance="1"}': "1x60",
                'earmark_model_info{model="m",digest="a",instance="2"}': "1x60",
            },
            {
                'earmark_model_info{model="m",digest="a",instance="1"}': "1x24 stale",
                'earmark_model_info{model="m",digest="b",instance="1"}': "_x20 1x40",
            },
        ],
    ),
    "EarmarkPoliciesDiffer": (
        30,
        [
            {
                'earmark_policy_info{policy="p",digest="a",instance="1"}': "1x60",
                'earmark_policy_info{policy="p",digest="b",instance="2"}': "1x60",
            }
        ],
        [
            {
                'earmark_policy_info{policy="p",digest="a",instance="1"}': "0x60",  # was
                'earmark_policy_info{policy="p",digest="b",instance="1"}': "1x60",
            }
        ],
    ),
    "EarmarkPolicyRefused": (
        40,
        [{"earmark_policies_refused_total": "0x20 1x90"}],
        [{"earmark_policies_refused_total": "4x90"}],
    ),
    "EarmarkRuleTripped": (
        40,
        [{'earmark_rules_tripped_total{rule="r"}': "0x20 1x90"}],
        [{'earmark_rules_tripped_total{rule="r"}': "1x90"}],
    ),
    "EarmarkCatalogueSilent": (
        30,
        [{'earmark_decisions_unapplied{processor="catalogue"}': "4x60"}],
        [
            {'earmark_decisions_unapplied{processor="catalogue"}': "0x60"},
            {'earmark_decisions_unapplied{processor="catalogue"}': "0x25 3x2 0x30"},
        ],
    ),
    "EarmarkDecisionStale": (
        30,
        [{NOT_IN_EFFECT.format("stale"): "1x60", NOT_IN_EFFECT.format("silent"): "0x60"}],
        [
            {NOT_IN_EFFECT.format("stale"): "0x60", NOT_IN_EFFECT.format("silent"): "9x60"},
            {NOT_IN_EFFECT.format("stale"): "0x26 1x2 0x30"},
        ],
    ),
    "EarmarkCatalogueDiffers": (
        60,
        [
            {NOT_IN_EFFECT.format("silent"): "4x90", NOT_IN_EFFECT.format("replaced"): "0x90"},
            {NOT_IN_EFFECT.format("silent"): "0x90", NOT_IN_EFFECT.format("replaced"): "4x90"},
        ],
        [
            {NOT_IN_EFFECT.format("silent"): "0x90", NOT_IN_EFFECT.format("stale"): "4x90"},
            {NOT_IN_EFFECT.format("silent"): "0x40 3x25 0x30"},
        ],
    ),
    "EarmarkAuditRewritten": (
        40,
        [{"earmark_audit_rewritten_total": "0x20 1x90"}],
        [{"earmark_audit_rewritten_total": "0x60"}, {"earmark_audit_rewritten_total": "4x90"}],
    ),
    "EarmarkReviewsLate": (
        30,
        [{TASK: f"{DAY_S + 9}x60", SLA: f"{DAY_S}x60"}],
        [{TASK: f"{DAY_S // 2}x60", SLA: f"{DAY_S}x60"}],
    ),
    "EarmarkOverturned": (
        60,
        [{LOW: "0.3x90", CASES_OF: "40x90"}],
        [
            {LOW: "0.1x90", CASES_OF: "400x90"},
            {LOW: "0.3x90", CASES_OF: "10x90"},
        ],
    ),
    "EarmarkOutboxWaiting": (
        30,
        [{"earmark_outbox_oldest_seconds": "0+60x60"}],
        [{"earmark_outbox_oldest_seconds": "20x60"}],
    ),
    "EarmarkWebhooksGivenUp": (
        40,
        [{'earmark_webhook_posts_total{result="given_up"}': "0x20 3x90"}],
        [{'earmark_webhook_posts_total{result="delivered"}': "0+3x90"}],
    ),
    "EarmarkStatementsUndelivered": (
        30,
        [{UNTOLD.format("refused"): "5+60x60"}, {UNTOLD.format("waiting"): "130000+60x60"}],
        [{UNTOLD.format("refused"): "0x60", UNTOLD.format("waiting"): "80000+60x60"}],
    ),
    "EarmarkBrokerAway": (
        20,
        [{'earmark_monitor_failures_total{check="broker"}': "0+2x60"}],
        [
            {'earmark_monitor_failures_total{check="broker"}': "0x10 1x50"},  # one elected anew
            {'earmark_monitor_failures_total{check="ledger"}': "0+2x60"},
        ],
    ),
    "EarmarkMonitorBlind": (
        60,
        [{'earmark_monitor_failures_total{check="ledger"}': "0+1x90"}, {"up": "1x90"}],
        [
            {'earmark_monitor_failures_total{check="ledger"}': "0x90"},
            {'earmark_monitor_failures_total{check="broker"}': "0+1x90"},  # EarmarkBrokerAway
        ],
    ),
    "EarmarkSandboxLayerMissing": (
        20,
        [{'earmark_sandbox_layer{layer="files"}': "0x60"}],
        [{'earmark_sandbox_layer{layer="files"}': "1x60"}, {"up": "1x60"}],
    ),
    "EarmarkDiskFilling": (
        420,
        [{FREE: "10x600", SIZE: "100x600"}, {FREE: "450000-120x600", SIZE: "1000000x600"}],
        [{FREE: "30x600", SIZE: "100x600"}, {FREE: "900000-120x600", SIZE: "1000000x600"}],
    ),
    "EarmarkDiskFull": (
        30,
        [{FREE: "4x60", SIZE: "100x60"}],
        [{FREE: "10x60", SIZE: "100x60"}],
    ),
    "EarmarkCertificateEnding": (
        120,
        [{ENDS: f"{13 * DAY_S}x200"}, {ENDS: "0x200"}],
        [{ENDS: f"{15 * DAY_S}x200"}],
    ),
    "EarmarkTopicsDiffer": (
        90,
        [{'earmark_topic_differences{topic="tracks.uploaded",kind="grow"}': "1x120"}],
        [{'earmark_topic_differences{topic="tracks.uploaded",kind="grow"}': "1x20 stale"}],
    ),
}


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(FILE.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def alerts() -> dict[str, dict[str, Any]]:
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def alone(name: str) -> dict[str, Any]:
    """Return the file with one alert, and what it is recorded from: the others cost time alone."""
    rule = alerts()[name]
    recorded = [one for one in rules() if one.get("record", "-") in rule["expr"]]
    return {"groups": [{"name": "test", "rules": [*recorded, rule]}]}


def test_every_alert_says_what_it_means_and_where_to_look() -> None:
    sections = set(re.findall(r"^### (Earmark\w+)$", RUNBOOKS.read_text(), re.MULTILINE))
    for name, alert in alerts().items():
        assert alert["annotations"].keys() == {"summary", "impact"}, name
        assert alert["labels"]["severity"] in {"critical", "warning", "info"}, name
        assert "for" in alert, name
    assert sections == alerts().keys()


def test_alerts_ask_for_metrics_that_exist() -> None:
    known = exposed()
    for rule in rules():
        asked = set(re.findall(r"\bearmark_\w+", rule["expr"]))
        assert asked <= known, rule


def test_every_alert_has_its_cases() -> None:
    assert CASES.keys() == alerts().keys()


def test_the_rules_are_well_formed() -> None:
    done = subprocess.run(
        [promtool(), "check", "rules", str(FILE)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", CASES)
def test_it_fires_and_stays_silent(name: str, tmp_path: Path) -> None:
    at, loud, quiet = CASES[name]
    firing = f'count(ALERTS{{alertname="{name}", alertstate="firing"}})'
    tests = [
        {
            "interval": "1m",
            "input_series": [{"series": key, "values": text} for key, text in series.items()],
            "promql_expr_test": [
                {
                    "expr": firing + " or vector(0)",
                    "eval_time": f"{at}m",
                    "exp_samples": [{"labels": "{}", "value": expected}],
                }
            ],
        }
        for expected, several in ((1, loud), (0, quiet))
        for series in several
    ]
    every = "15m" if at > 1_000 else "5m" if at > 100 else "1m"  # a day of evaluations is slow
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(alone(name)))
    file = tmp_path / "test.yaml"
    file.write_text(
        yaml.safe_dump({"rule_files": ["rules.yaml"], "evaluation_interval": every, "tests": tests})
    )
    done = subprocess.run(
        [promtool(), "test", "rules", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
