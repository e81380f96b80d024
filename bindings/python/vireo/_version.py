# SPDX-License-Identifier: BSD-3-Clause
"""The version of libvireo that the declarations here are those of."""

VERSION = '0.1.0'
