import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { eventually } from '../../support/eventually.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { freePorts, onFreePorts } from './free-port.js';
import { EarlyExit, makeDataFolder, Program, type ProgramSpec, startAll, stopLeftovers } from './program.js';

expectNoOpenHandles();

const ready = async () => true;
const never = async () => false;

describe('program', () => {
  afterEach(() => stopLeftovers());

  it('rejects at once with the end of its log when the program exits', async () => {
    const program = shell('echo "bind: address already in use"; exit 3', { ready: never });
    await assert.rejects(program.start(), (error: Error) => {
      assert.ok(error instanceof EarlyExit);
      assert.match(error.message, /^sh ended before it served; its log ends:\n.*already in use\n$/s);
      return true;
    });
    await program.stop();
    assert.equal(existsSync(program.folder), false);
  });

  it('is not taken in by another server that answers on the port', async () => {
    const program = shell('exit 3', { ready: async () => program.pid === undefined });
    await assert.rejects(program.start(), EarlyExit);
    await program.stop();
  });

  it('rejects when there is no such command', async () => {
    const folder = makeDataFolder('test');
    const program = new Program({ name: 'nothing', command: '/no/such/command', args: [], folder, ready: never });
    await assert.rejects(program.start(), /No such file/);
    await program.stop();
  });

  it('ends what does not serve in time, quotes its last kilobyte and no more', async () => {
    const script = 'head -c 5000 /dev/zero | tr "\\0" x; echo; echo last words; exec sleep 60';
    const program = shell(script, { ready: never, readyLimitMs: 300 });
    await assert.rejects(program.start(), (error: Error) => {
      assert.match(error.message, /^sh did not serve within 300 ms; .*last words\n$/s);
      assert.ok(error.message.length < 1200);
      return true;
    });
    assert.equal(program.pid, undefined);
    await program.stop();
  });

  it('takes a rejection of its readiness check for "not yet"', async () => {
    let asked = 0;
    const program = shell('exec sleep 60', {
      ready: async () => {
        if (++asked < 3) throw new Error('connection refused');
        return true;
      },
    });
    await program.start();
    assert.equal(asked, 3);
    await program.stop();
  });

  it('refuses to start twice at the same time', async () => {
    const program = shell('exec sleep 60');
    await program.start();
    await assert.rejects(program.start(), /runs already/);
    await program.stop();
  });

  it('is killed on stop when it does not heed SIGTERM', async () => {
    // The shell, deaf to SIGTERM, hands that on to what it turns into.
    const program = shell('trap "" TERM; echo deaf; exec sleep 60', { ready: async () => program.log() === 'deaf\n' });
    await program.start();
    const { pid } = program;
    await program.stop();
    assert.equal(existsSync(`/proc/${pid}`), false);
  });

  it('dies with the process that started it, however that ends', async () => {
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      const script = `
        import { makeDataFolder, Program } from ${JSON.stringify(new URL('./program.js', import.meta.url).href)};
        const folder = makeDataFolder('test');
        const program = new Program({ name: 'sleeper', command: 'sleep', args: ['60'], folder, ready: async () => true });
        await program.start();
        console.log(program.pid, folder);`;
      const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const [line] = (await once(child.stdout, 'data')) as [Buffer];
      const [pid, folder = ''] = line.toString().trim().split(' ');
      assert.ok(existsSync(`/proc/${pid}`));
      child.kill(signal);
      await eventually(() => !existsSync(`/proc/${pid}`));
      // Only its data is left: nobody was there to remove it.
      rmSync(folder, { recursive: true });
    }
  });

  it('leaves none of several running when one of them fails', async () => {
    const good = shell('exec sleep 60');
    const bad = shell('exit 3', { ready: never });
    await assert.rejects(startAll([good, bad]), EarlyExit);
    assert.equal(good.pid, undefined);
    assert.equal(existsSync(good.folder) || existsSync(bad.folder), false);
  });
});

describe('free ports', () => {
  it('are different, and free to listen on', async () => {
    const ports = await freePorts(20);
    assert.equal(new Set(ports).size, 20);
    for (const port of ports) {
      const server = createServer().listen(port, '127.0.0.1');
      await once(server, 'listening');
      server.close();
    }
  });

  it('are tried anew when a program exits early, and not for ever', async () => {
    const tried: number[] = [];
    const start = async ([port = 0]: readonly number[]): Promise<never> => {
      tried.push(port);
      throw new EarlyExit('taken');
    };
    await assert.rejects(onFreePorts(1, start), EarlyExit);
    assert.equal(new Set(tried).size, 4);
  });

  it('are not tried anew for another failure', async () => {
    let attempts = 0;
    const start = async (): Promise<never> => {
      attempts++;
      throw new Error('no such option');
    };
    await assert.rejects(onFreePorts(1, start), /no such option/);
    assert.equal(attempts, 1);
  });
});

function shell(script: string, spec: Partial<ProgramSpec> = {}): Program {
  const folder = makeDataFolder('test');
  return new Program({ name: 'sh', command: 'sh', args: ['-c', script], folder, ready, ...spec });
}
