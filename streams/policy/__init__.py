"""Labels and decisions as pure functions: no clock, no network, no environment.

Read in this order. Facts: registry and rights (agreements, consents, generators), facts (what
people said), labels (who says what, and who prevails), conflicts, mappings (the words of
others). Rules: schema (what may be asked), expressions, types_of_cel and reach (a condition,
and whether it makes sense), conditions, rules, overrides, cases, faults, bundle (a policy file,
loaded). Then features (the snapshot), evaluate (the decision) and judge (all of it, territory by
territory); reasons and credits are what follows from that. ``default.yaml`` is the policy that
comes with Earmark.
"""
