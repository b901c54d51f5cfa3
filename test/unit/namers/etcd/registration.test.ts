import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseRegistration } from '../../../../namers/etcd/registration.js';
import type { ServiceEndpoint } from '../../../../namers/shared/service-trees.js';

const parse = (text: string): ServiceEndpoint => parseRegistration(Buffer.from(text));

describe('etcd registration', () => {
  const good: [text: string, expected: ServiceEndpoint][] = [
    ['10.0.0.1:8080', { host: '10.0.0.1', port: 8080 }],
    [' 10.0.0.1:8080\n', { host: '10.0.0.1', port: 8080 }],
    ['[fd00::1]:80', { host: 'fd00::1', port: 80 }],
    ['web-1.example.com:65535', { host: 'web-1.example.com', port: 65535 }],
    ['{"host": "10.0.0.1", "port": 8080}', { host: '10.0.0.1', port: 8080 }],
    ['{"host": "10.0.0.1", "port": "8080"}', { host: '10.0.0.1', port: 8080 }],
    ['{"host": "h", "port": 1, "weight": 0.5}', { host: 'h', port: 1, weight: 0.5 }],
    ['{"host": "h", "port": 1, "weight": 0}', { host: 'h', port: 1, weight: 0 }],
    ['{"host": "h", "port": 1, "weight": null, "metadata": null}', { host: 'h', port: 1 }],
    // SkyDNS as its documentation has it.
    [
      '{"host":"rails.east.example.com","port":8080,"priority":20,"weight":100,"text":"","ttl":30,"group":"g1"}',
      { host: 'rails.east.example.com', port: 8080, weight: 100 },
    ],
    [
      '{"host": "h", "port": 1, "metadata": {"zone": "a", "tags": ["x"]}}',
      { host: 'h', port: 1, meta: { zone: 'a', tags: ['x'] } },
    ],
    ['{"host": "h", "port": 1, "metadata": "v2"}', { host: 'h', port: 1, meta: { metadata: 'v2' } }],
    ['{"host": "h", "port": 1, "metadata": {}}', { host: 'h', port: 1 }],
    // gRPC's naming convention, with and without what naming.Update of Go writes beside it.
    ['{"Addr": "10.0.0.1:8080"}', { host: '10.0.0.1', port: 8080 }],
    ['{"Op":0,"Addr":"10.0.0.1:8080","Metadata":null}', { host: '10.0.0.1', port: 8080 }],
    ['{"Op":0,"Addr":"[::1]:80","Metadata":"canary"}', { host: '::1', port: 80, meta: { Metadata: 'canary' } }],
    ['{"Addr":"h:80","Metadata":{"zone":"a"}}', { host: 'h', port: 80, meta: { zone: 'a' } }],
  ];
  for (const [text, expected] of good) {
    it(`reads ${JSON.stringify(text)}`, () => {
      assert.deepEqual(parse(text), expected);
    });
  }

  it('takes nothing from metadata that would change what the gateway does with the address', () => {
    const text = '{"host":"h","port":1,"metadata":{"authority":"evil.example.com","nodeName":"n1","zone":"a"}}';
    assert.deepEqual(parse(text), { host: 'h', port: 1, meta: { zone: 'a' } });
    assert.deepEqual(parse('{"Addr":"h:1","Metadata":{"authority":"x"}}'), { host: 'h', port: 1 });
  });

  it('takes metadata called __proto__ for what it is, a name', () => {
    const { meta } = parse('{"host":"h","port":1,"metadata":{"__proto__":{"authority":"evil"}}}');
    assert.equal(meta?.authority, undefined);
    assert.deepEqual(Object.keys(meta ?? {}), ['__proto__']);
  });

  const bad: [text: string, message: string][] = [
    ['', 'value "": "" is not host:port'],
    ['nonsense', 'value "nonsense": "nonsense" is not host:port'],
    ['10.0.0.1', 'value "10.0.0.1": "10.0.0.1" is not host:port'],
    ['10.0.0.1:', 'value "10.0.0.1:": port "" is not in 1-65535'],
    ['10.0.0.1:0', 'value "10.0.0.1:0": port "0" is not in 1-65535'],
    ['10.0.0.1:70000', 'value "10.0.0.1:70000": port "70000" is not in 1-65535'],
    ['10.0.0.300:80', 'value "10.0.0.300:80": address "10.0.0.300" is neither an IP address nor a host name'],
    ['http://h:80', 'value "http://h:80": address "http://h" is neither an IP address nor a host name'],
    ['h h:80', 'value "h h:80": address "h h" is neither an IP address nor a host name'],
    ['{', 'value "{": is not JSON'],
    ['{"host": "h", "port": 80', 'value "{"host": "h", "port": 80": is not JSON'],
    ['{}', 'value "{}": has neither "host" and "port" nor "Addr"'],
    ['{"Addr": 5}', 'value "{"Addr": 5}": has neither "host" and "port" nor "Addr"'],
    ['{"Addr": "h"}', 'value "{"Addr": "h"}": "h" is not host:port'],
    ['{"host": "h"}', 'value "{"host": "h"}": port undefined is not in 1-65535'],
    ['{"host": "h", "port": 70000}', 'value "{"host": "h", "port": 70000}": port 70000 is not in 1-65535'],
    ['{"host": "h", "port": 80.5}', 'value "{"host": "h", "port": 80.5}": port 80.5 is not in 1-65535'],
    [
      '{"host": ["h"], "port": 80}',
      'value "{"host": ["h"], "port": 80}": address ["h"] is neither an IP address nor a host name',
    ],
    [
      '{"host":"h","port":1,"weight":-1}',
      'value "{"host":"h","port":1,"weight":-1}": weight -1 is not a number from 0 on',
    ],
    [
      '{"host":"h","port":1,"weight":"2"}',
      'value "{"host":"h","port":1,"weight":"2"}": weight "2" is not a number from 0 on',
    ],
  ];
  for (const [text, message] of bad) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(() => parse(text), { message });
    });
  }

  it('refuses what is not a text, a list and a huge value, quoting at most 100 characters', () => {
    for (const value of [Buffer.from([0xff, 0xfe, 0x00, 0x01]), Buffer.from('["h", 80]'), Buffer.alloc(1000, 'x')]) {
      assert.throws(
        () => parseRegistration(value),
        ({ message }: Error) => message.startsWith('value "') && message.length < 300,
      );
    }
    assert.throws(() => parseRegistration(Buffer.alloc(65_537, ' ')), {
      message: 'its value of 65537 bytes is larger than the limit of 65536',
    });
  });
});
