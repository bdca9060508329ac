"""What people change about decisions: policies released, agreements brought in, and what follows.

Read policies (which bundle decides), standing (what stands about a track), publishing and
breaker, reopening (who is affected), backtest, explaining. The rest is command line. The rules
themselves are pure and stand in ``streams.policy``.
"""
