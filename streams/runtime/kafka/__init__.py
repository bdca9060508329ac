"""Everything between a stage's handler and Kafka.

Read ``handler`` (the contract of both adapters), ``handling`` (how a message ends), then one
adapter: ``processor`` and ``faust_worker`` (single events), or ``batch_consumer`` (batches).
``acks`` and ``rebalance_gate`` are why no event is lost.
``clients`` and ``security`` set up kafka-python; ``topic_plan`` and ``offsets`` administer.
"""
