"""Asking models, scoring their replies, and reporting the results: tables, the report, other tools' formats."""
