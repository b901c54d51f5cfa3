// SettingsFrames: the peer's SETTINGS and its acknowledgment of ours in, and what follows from them for streams (RFC 9113 §6.5).

import { grownWindow } from './flow-window.js';
import { badSize, onStream } from './frame-errors.js';
import { uint32 } from './frame-reader.js';
import { ACK, SETTINGS, writeFrameHeader } from './frames.js';
import { H2Error } from './h2-error.js';
import type { HpackDecoder } from './hpack-decoder.js';
import type { SessionStreams } from './session-streams.js';
import { HEADER_TABLE_SIZE, SETTING_BYTES } from './settings.js';

export class SettingsFrames {
  readonly #streams: SessionStreams;
  readonly #decoder: HpackDecoder;
  /** The peer's have come. */
  hasPeers = false;
  /** Ours are acknowledged: until then the peer may go by the initial values. */
  #isAcknowledged = false;
  /** The clock's time at the first tick that found one of them missing. */
  #missingSince: number | undefined;

  constructor(streams: SessionStreams, decoder: HpackDecoder) {
    this.#streams = streams;
    this.#decoder = decoder;
  }

  settings(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (id !== 0) throw onStream(SETTINGS, id);
    if ((flags & ACK) !== 0) {
      if (end !== start) throw badSize(SETTINGS, end - start);
      this.#acknowledged();
      return;
    }
    if ((end - start) % SETTING_BYTES !== 0) throw badSize(SETTINGS, end - start);
    const { peer, outbox, floods, isServer, owner } = this.#streams;
    floods.settings.count();
    if (!this.hasPeers) peer.maxConcurrentStreams = Number.POSITIVE_INFINITY;
    this.hasPeers = true;
    const window = peer.initialWindow;
    for (let at = start; at < end; at += SETTING_BYTES) {
      const setting = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
      peer.apply(setting, uint32(bytes, at + 2), !isServer);
      if (setting === HEADER_TABLE_SIZE) outbox.encoder.limitTable(peer.headerTableBytes);
    }
    writeFrameHeader(outbox.out, 0, SETTINGS, ACK, 0);
    if (peer.initialWindow !== window) this.#moveWindows(peer.initialWindow - window);
    owner.settingsChanged?.();
  }

  /** RFC 9113 §6.9.2. */
  #moveWindows(change: number): void {
    const { open, outbox } = this.#streams;
    for (const stream of open.values()) {
      const window = grownWindow(stream.sendWindow, change);
      if (window === undefined)
        throw new H2Error(
          'FLOW_CONTROL_ERROR',
          `SETTINGS_INITIAL_WINDOW_SIZE takes the window of stream ${stream.id} past 2^31 - 1`,
        );
      stream.sendWindow = window;
    }
    if (change > 0) for (const stream of open.values()) outbox.windowGrew(stream);
  }

  #acknowledged(): void {
    const { floods, inbound, open } = this.#streams;
    if (this.#isAcknowledged) {
      floods.settings.count();
      return;
    }
    this.#isAcknowledged = true;
    this.#decoder.limitAcknowledged();
    inbound.acknowledged(open.values());
  }

  /** Throws when the peer has had `limits.settingsTimeoutMs` and more for its part. `now`: the clock's. */
  tick(now: number): void {
    if (this.hasPeers && this.#isAcknowledged) return;
    const { settingsTimeoutMs } = this.#streams.options.limits;
    this.#missingSince ??= now;
    if (now - this.#missingSince < settingsTimeoutMs) return;
    const missing = this.hasPeers ? 'acknowledgment of our SETTINGS' : 'SETTINGS';
    throw new H2Error(
      'SETTINGS_TIMEOUT',
      `No ${missing} came for ${settingsTimeoutMs} ms, want it at once (RFC 9113 §6.5.3)`,
    );
  }
}
