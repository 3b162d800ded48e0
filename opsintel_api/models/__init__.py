"""What the API takes and answers: the source of the OpenAPI document."""
