# SPDX-License-Identifier: Apache-2.0
"""Helpers of the integration tests: everything here speaks the wire on its own and uses no code of the server."""
