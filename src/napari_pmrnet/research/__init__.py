"""What only a researcher needs: published data sets and networks to compare with."""
