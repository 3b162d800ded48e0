SELECT name, version, built_in FROM embedding_model WHERE current
