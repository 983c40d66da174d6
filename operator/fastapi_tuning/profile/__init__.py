"""From what agents sampled to what people look at. Pure."""
