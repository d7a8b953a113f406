"""Why a lead went where it went: every rule and buyer, and the smallest change that would have made it otherwise."""
