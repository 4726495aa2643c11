"""A page that shows the f0 of recordings and of the microphone, in a browser and on nobody's server."""
