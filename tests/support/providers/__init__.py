"""Servers on loopback that speak the protocols of the sources of pictures, with a catalogue of their own."""

from tests.support.providers.catalogue import Catalogue, Picture
from tests.support.providers.site import ProviderSite

__all__ = ["Catalogue", "Picture", "ProviderSite"]
