"""One conversation as a FHIR R4B bundle, built of plain dictionaries."""
