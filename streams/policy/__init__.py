"""Labels and decisions as pure functions: no clock, no network, no environment.

Read in this order: strict (how policy files are typed), agreements (licences that count),
labels (facts, and which prevails), features (what a rule may ask), rules (conditions and
consequences, and what no rule may do), bundle (a policy file, loaded), evaluate (the
decision). ``default.yaml`` is the policy that comes with Earmark.
"""
