# SPDX-License-Identifier: Apache-2.0
"""The Python runtime of Shallop: a server that gets its code when it is already warm (docs/protocol.md, "Writing a runtime")."""
