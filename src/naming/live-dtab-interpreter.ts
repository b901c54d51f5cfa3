// An interpreter whose dtab lives somewhere else and changes: its dtab comes first, the router's and the request's behind it.

import { computed } from '@preact/signals-core';
import type { Activity } from '../base/activity.js';
import type { Dtab } from '../base/dtab.js';
import { makeDtabInterpreter } from './dtab-interpreter.js';
import type { Interpreter, InterpreterContext } from './interpreter.js';

export interface LiveDtabInterpreterOptions extends Pick<InterpreterContext, 'dtab' | 'namers' | 'system'> {
  /** While it is pending or failed, so is every name. Starts its watch when it is first observed. */
  readonly live: Activity<Dtab>;
}

/** `delegate` shows `live` ++ the dtab that it is given, which stands in for the router's. */
export function makeLiveDtabInterpreter({ live, dtab, namers, system }: LiveDtabInterpreterOptions): Interpreter {
  const inner = makeDtabInterpreter({ dtab: live, namers, system });
  return {
    bind: (localDtab, path) => inner.bind(dtab.concat(localDtab), path),

    delegate(path, given = dtab) {
      return computed(() => {
        const base = live.value;
        return base.state === 'ok' ? inner.delegate(path, base.value.concat(given)).value : base;
      });
    },

    close() {},
  };
}
