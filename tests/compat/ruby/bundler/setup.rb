# SPDX-License-Identifier: Apache-2.0
#
# For the spec of docker-api (docker-api.bash): the gems are Debian's, no Gemfile is asked.
