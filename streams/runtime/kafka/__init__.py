"""Everything between a processor's handler and Kafka.

Read worker (the Faust side), acks and rebalance_gate (why nothing is lost), processor and
handling (how one event ends), publisher, dead_letters; then consuming and batches (the loop of
those that consume with kafka-python), clients and security. embedded is the broker that comes
with Earmark; quirks and hurry repair three defects of the client libraries. dlq, replay,
topic_plan and topics_cli are for whoever is on call.
"""
