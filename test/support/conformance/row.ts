// Row: one behaviour that every namer is held to.

import type { NamerSubject, RowName } from '../namer-driver.js';
import type { NamerScene } from './namer-scene.js';

export interface NamerRow {
  readonly row: RowName;
  /** After the namer's name. */
  readonly title: string;
  run(scene: NamerScene, subject: NamerSubject): Promise<void>;
}
