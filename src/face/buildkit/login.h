/* SPDX-License-Identifier: Apache-2.0
 *
 * login: who the process of a build is to registries: what came with its request (docker_config_only), else what the client's session says when a registry
 * wants to know. Nothing that this machine's users keep is used.
 *
 * Source: moby/buildkit session/auth/auth.proto.
 */
#pragma once

/* From now on, for this process and those that it forks. ask: of ask.h. */
void login_use(int ask);
