"""Tools that only a researcher needs: published data sets, networks to compare with."""
