// Walks kafkajs through a broker.
//
//   node walk.js BOOTSTRAP CA CERT KEY TOPIC STEP,STEP,...
//
// with paths of PEM files; CERT and KEY empty mean a client without a
// certificate, CA empty one without TLS. The variable LOGIN says how to log in,
// as python/walk.py tells. It prints one line "step: what was seen" per step and
// ends with status 0, or with 1 and a reason on standard error.
'use strict'

const fs = require('fs')
const { CompressionTypes, Kafka, logLevel } = require('kafkajs')

const PARTITIONS = 3
const RECORDS = 100
const LARGE = 5000000
const MILLISECONDS = 30000 // bounds every single wait

const [bootstrap, ca, cert, key, topic, steps] = process.argv.slice(2)

const login = JSON.parse(process.env.LOGIN || 'null')
const impatient = login ? login.once : !cert

function check(holds, message) {
  if (!holds) throw new Error(message)
}

const keyOf = i => `key-${i}`
const valueOf = i => `value-${i} ` + 'x'.repeat(200)

function within(promise, what) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing in ${MILLISECONDS} ms`)), MILLISECONDS)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

// fetchToken returns a bearer token as kafkajs wants it.
async function fetchToken({ endpoint, client, secret, scope }) {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { Authorization: 'Basic ' + Buffer.from(`${client}:${secret}`).toString('base64') },
    body: new URLSearchParams({ grant_type: 'client_credentials', scope }),
  })
  check(response.ok, `the endpoint for tokens answered ${response.status}`)
  return { value: (await response.json()).access_token }
}

function saslOf(login) {
  const mechanism = login.mechanism.toLowerCase()
  if (mechanism === 'oauthbearer') return { mechanism, oauthBearerProvider: () => fetchToken(login) }
  return { mechanism, username: login.username, password: login.password }
}

const kafka = new Kafka({
  clientId: 'kafkajs-walk',
  brokers: bootstrap.split(','),
  ...(ca && {
    ssl: {
      ca: [fs.readFileSync(ca)],
      ...(cert && { cert: fs.readFileSync(cert), key: fs.readFileSync(key) }),
    },
  }),
  ...(login && { sasl: saslOf(login) }),
  retry: { retries: impatient ? 0 : 8 },
  requestTimeout: MILLISECONDS,
  logLevel: logLevel.ERROR,
  logCreator: () => ({ log }) => console.error(log.message, log.error || ''),
})

const admin = kafka.admin()
let written = 0

async function create(name, partitions) {
  const configEntries = [{ name: 'max.message.bytes', value: '12000000' }]
  const topics = [{ topic: name, numPartitions: partitions, configEntries }]
  check(await admin.createTopics({ topics, waitForLeaders: true }), `${name} was there already`)
}

// take reads until done says so and leaves the group in good order.
async function take(config, from, done) {
  const consumer = kafka.consumer({ maxBytesPerPartition: 10000000, maxWaitTimeInMs: 200, ...config })
  await consumer.connect()
  await consumer.subscribe({ topics: [from], fromBeginning: true })
  const records = []
  await within(new Promise((resolve, reject) => {
    consumer.on(consumer.events.CRASH, e => reject(e.payload.error))
    consumer.run({
      autoCommit: false,
      eachMessage: async ({ partition, message }) => {
        records.push({ partition, ...message })
        if (done(records)) resolve()
      },
    }).catch(reject)
  }), `records of ${from}`)
  const next = new Map()
  for (const r of records) next.set(r.partition, (BigInt(r.offset) + 1n).toString())
  await consumer.commitOffsets([...next].map(([partition, offset]) => ({ topic: from, partition, offset })))
  await consumer.disconnect()
  return records
}

async function produce(name, compression) {
  const producer = kafka.producer({ idempotent: true })
  await producer.connect()
  const messages = []
  for (let i = 0; i < RECORDS; i++) messages.push({ key: keyOf(i), value: valueOf(i), headers: { of: name } })
  await producer.send({ topic, messages, compression, acks: -1 })
  await producer.disconnect()
  written += RECORDS
  return `${RECORDS} records`
}

function checkRecords(records, of) {
  check(records.length === RECORDS, `${records.length} records of ${of}, not ${RECORDS}`)
  const seen = new Set()
  for (const r of records) {
    const i = Number(r.key.toString().split('-')[1])
    seen.add(i)
    check(r.value.toString() === valueOf(i), `value of ${r.key} is ${r.value.toString().slice(0, 40)}`)
  }
  check(seen.size === RECORDS, `${seen.size} different keys of ${of}, not ${RECORDS}`)
}

const known = {
  async cluster() {
    const { brokers } = await admin.describeCluster()
    brokers.sort((a, b) => a.nodeId - b.nodeId)
    return brokers.map(b => `${b.nodeId}@${b.host}:${b.port}`).join(' ')
  },
  async topics() {
    await create(topic, PARTITIONS)
    check((await admin.listTopics()).includes(topic), `${topic} is not listed`)
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    return `${topics[0].name} with ${topics[0].partitions.length} partitions`
  },
  none: () => produce('none', CompressionTypes.None),
  gzip: () => produce('gzip', CompressionTypes.GZIP),
  async large() {
    const producer = kafka.producer()
    await producer.connect()
    await producer.send({ topic, messages: [{ key: 'large', value: Buffer.alloc(LARGE, 'y') }] })
    await producer.disconnect()
    written++
    return `${LARGE} bytes`
  },
  async classic() {
    const groupId = `${topic}-classic`
    const records = await take({ groupId }, topic, all => all.length === written)
    const by = new Map()
    for (const r of records) {
      if (r.key.toString() === 'large') {
        check(r.value.equals(Buffer.alloc(LARGE, 'y')), 'the large record is not what was written')
        continue
      }
      const of = r.headers.of.toString()
      by.set(of, [...(by.get(of) || []), r])
    }
    for (const [of, list] of by) checkRecords(list, of)
    const offsets = await admin.fetchOffsets({ groupId, topics: [topic] })
    const committed = offsets[0].partitions.reduce((sum, p) => sum + Math.max(Number(p.offset), 0), 0)
    check(committed === written, `${committed} offsets committed, ${written} records read`)
    const { groups } = await admin.listGroups()
    check(groups.some(g => g.groupId === groupId), `${groupId} is not among the groups`)
    return `${written} records, ${committed} committed`
  },
  async transaction() {
    const name = `${topic}-transaction`
    await create(name, 1)
    const producer = kafka.producer({ transactionalId: name, maxInFlightRequests: 1, idempotent: true })
    await producer.connect()
    for (const of of ['aborted', 'committed']) {
      const transaction = await producer.transaction()
      const messages = []
      for (let i = 0; i < 10; i++) messages.push({ key: keyOf(i), value: of })
      await transaction.send({ topic: name, messages })
      await (of === 'aborted' ? transaction.abort() : transaction.commit())
    }
    await producer.disconnect()
    const records = await take({ groupId: name, readUncommitted: false }, name, all => all.length === 10)
    check(records.every(r => r.value.toString() === 'committed'), 'an aborted record was read')
    return '10 committed records'
  },
}

async function main() {
  let step = 'connect'
  try {
    await within(admin.connect(), 'connect')
    for (step of steps.split(',')) console.log(`${step}: ${await known[step]()}`)
    await admin.disconnect()
  } catch (e) {
    console.error(`${step}: ${e.name}: ${e.message}`)
    process.exit(1)
  }
}

main()
