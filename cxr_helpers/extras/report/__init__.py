"""What the supplement adds to the report: appendices, checklists, and the operating-point panel."""
