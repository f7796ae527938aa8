/* SPDX-License-Identifier: Apache-2.0
 *
 * control: the services of BuildKit's daemon that clients of a docker builder call: moby.buildkit.v1.Control (Info, ListWorkers, Solve, Status,
 * Prune, DiskUsage, ListenBuildHistory), moby.buildkit.v1.frontend.LLBBridge (Ping, Solve, Return, Inputs, Warn) and grpc.health.v1.Health. LLB is not understood: the one frontend is
 * dockerfile.v0.
 *
 * Source: moby/buildkit api/services/control/control.proto, frontend/gateway/pb/gateway.proto, util/apicaps/pb/caps.proto.
 */
#pragma once

#include <stdbool.h>

struct jobs;
struct rpc_stream;

/* Takes a call over. host: who calls may use the host's network. */
void control_call(struct jobs *jobs, struct rpc_stream *call, bool host);
