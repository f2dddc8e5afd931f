"""The whole monitoring day on one laptop: real services, models, traffic with known faults.

``run`` is that day; ``fill`` puts its models and traffic into a stack that runs elsewhere, and does
without the embedded Postgres that ``run`` needs: so nothing is imported here.
"""
