"""Reports: the Evidently page of an evaluation, and the store that keeps both."""
