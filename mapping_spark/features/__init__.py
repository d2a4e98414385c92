"""Id maps, interactions and item text: what models are fitted on."""
