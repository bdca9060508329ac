"""Settings that hold secrets, as variables of the environment."""

SECRET = "correct-horse"  # noqa: S105 - a test's own
SASL = {
    "EARMARK_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
    "EARMARK_SASL_MECHANISM": "SCRAM-SHA-512",
    "EARMARK_SASL_USERNAME": "svc",
    "EARMARK_SASL_PASSWORD": SECRET,
}
LEDGER = {"EARMARK_LEDGER": f"postgresql://svc:{SECRET}@db/earmark?sslpassword={SECRET}&a=b"}
