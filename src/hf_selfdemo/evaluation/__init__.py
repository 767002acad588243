"""Asking models, scoring what they answer, and telling it: tables, the report, other tools' formats."""
