"""Models: networks and heads put together; each has the capabilities its mathematics gives it."""
