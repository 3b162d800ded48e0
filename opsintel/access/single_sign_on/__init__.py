"""Single sign-on by OpenID Connect: the provider, what it says of a person, and whom that lets in."""
