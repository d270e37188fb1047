"""The chapters as files, their execution by papermill, and the workflow that makes the report."""
