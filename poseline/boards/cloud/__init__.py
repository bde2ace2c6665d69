"""A client of ST Edge AI Developer Cloud: models are measured on real boards of ST's board farm.

The protocol is the one of ST's own Python interface (`stm32ai_dc` in the services of its model zoo)
and of the OpenAPI documents of the cloud. It is tested against a double of it; no request was ever
sent to the service itself.
"""
