/* SPDX-License-Identifier: Apache-2.0
 *
 * buildkit: the process that serves BuildKit's protocol (gRPC over HTTP/2, after an upgrade of POST /grpc and POST /session), so that docker's client with
 * buildx, and what builds through it, work unchanged. The daemon hands it one connection after the other; it reads what clients send, starts the process
 * of each build, and holds nothing of the daemon's.
 *
 * The channel (SOCK_SEQPACKET) carries one message of JSON at a time, at the most BUILDKIT_MESSAGE_MAX bytes:
 *
 *   {"kind": "grpc", "host": BOOL} and a socket            a client calls (control.h); host: it may use the host's network
 *   {"kind": "session", "id": TEXT, "key": TEXT} and a socket
 *                                                          a client can be called, by its session's id; copies of its directories are kept by the key
 *   {"kind": "build", "ref": ID, "session": ID, "host": BOOL, "quiet": BOOL}, a socket and a file
 *                                                          the file holds the request of a build (solve.h) as JSON, at the
 *                                                          most BUILDKIT_REQUEST_MAX bytes; its words go to the socket (trace.h);
 *                                                          a third descriptor is whence the context comes as a tar, else it
 *                                                          comes from the session
 *   {"kind": "cancel", "ref": ID}                          that build is to end
 *   {"tagged": NAMES}     to the daemon: a build gave an image these names, with commas between
 *   {"idle": N}           to the daemon: nobody is left of the first N connections; when there were no more it closes the channel
 */
#pragma once

struct err;

#define BUILDKIT_MESSAGE_MAX 4096
#define BUILDKIT_REQUEST_MAX (1u << 20)
#define BUILDKIT_PEERS_MAX 128

/* Blocks until the channel is at its end. data: descriptor of the data directory. Both stay the caller's. */
int buildkit_run(int channel, int data, struct err *err);
