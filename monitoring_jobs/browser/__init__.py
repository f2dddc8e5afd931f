"""The report browser: pages about monitors, evaluations and reports. Knows nothing of Airflow."""

from monitoring_jobs.browser.browser import Browser
from monitoring_jobs.browser.page import Page, elsewhere, error_page

__all__ = ["Browser", "Page", "elsewhere", "error_page"]
