//! The store's atomic steps, as Redis runs them. They know no rule of a login: they compare a
//! version, and put down what they are given.
//!
//! The keys of a session are in one slot: `KEYS` are, in this order, its record, its log, the
//! instances that watch it, the deadlines and the census of its slot, and for a new one its alias.

use redis::{ErrorKind, FromRedisValue, RedisResult, Script, ServerErrorKind, ToRedisArgs};

use super::link::Link;

/// Puts down a change. `ARGV`: the key, the record, its state, whether it has ended, its deadline,
/// when it is forgotten, then the log's new items. A script that fails leaves what it has done: what
/// sessions share, and another program may have spoilt, comes before what is the session's own.
const PUT: &str = r"
local function put(version, alias, first)
  if ARGV[4] == '1' then
    redis.call('ZREM', KEYS[4], ARGV[1])
  else
    redis.call('ZADD', KEYS[4], ARGV[5], ARGV[1])
    redis.call('HINCRBY', KEYS[5], ARGV[3], 1)
  end
  redis.call('HSET', KEYS[1], 'v', version, 'b', ARGV[2], 's', ARGV[3], 'e', ARGV[4],
    'd', ARGV[5], 'f', ARGV[6], 'a', alias)
  for i = first, #ARGV do redis.call('RPUSH', KEYS[2], ARGV[i]) end
  redis.call('SET', alias, ARGV[1] .. ' ' .. ARGV[6], 'PXAT', ARGV[6])
  for i = 1, 3 do redis.call('PEXPIREAT', KEYS[i], ARGV[6]) end
end
";

/// Takes `PUT`'s arguments; 0 if the key or the alias is taken, or a name that goes with them.
const CREATE: &str = r"
if redis.call('EXISTS', KEYS[1], KEYS[2], KEYS[3], KEYS[6]) > 0 then return 0 end
put('0', KEYS[6], 7)
return 1
";

/// Takes `PUT`'s arguments, with the version and the beginning of the channels' names before the
/// items. The number of the log's last item; -1 if there is no record, -2 if its version is another
/// one.
const COMMIT: &str = r"
local was = redis.call('HMGET', KEYS[1], 'v', 's', 'e', 'a')
if not was[1] then return -1 end
if was[1] ~= ARGV[7] then return -2 end
if was[3] == '0' then redis.call('HINCRBY', KEYS[5], was[2], -1) end
put((tonumber(was[1]) + 1) % 4294967296, was[4], 9)
for _, instance in ipairs(redis.call('SMEMBERS', KEYS[3])) do
  redis.call('PUBLISH', ARGV[8] .. instance, ARGV[1])
end
return redis.call('LLEN', KEYS[2])
";

/// `KEYS`: the record, the log, the watchers, the seats. `ARGV`: the moment, the cursor, the instance
/// that wants to be told of what comes next; and for a reader who joins, their seat, how many seats
/// there are, the beginning of the channels' names and the key. A seat is named by its instance and
/// its number there; of those that an instance took with it when it died, the oldest go first.
const READ: &str = r"
local record = redis.call('HMGET', KEYS[1], 's', 'e', 'd', 'f')
if not record[1] or tonumber(record[4]) <= tonumber(ARGV[1]) then return nil end
if record[2] == '0' then
  redis.call('SADD', KEYS[3], ARGV[3])
  redis.call('PEXPIREAT', KEYS[3], record[4])
  if ARGV[4] then
    local last = redis.call('ZREVRANGE', KEYS[4], 0, 0, 'WITHSCORES')[2]
    redis.call('ZADD', KEYS[4], (tonumber(last) or 0) + 1, ARGV[3] .. ' ' .. ARGV[4])
    redis.call('PEXPIREAT', KEYS[4], record[4])
    while redis.call('ZCARD', KEYS[4]) > tonumber(ARGV[5]) do
      local oldest = redis.call('ZPOPMIN', KEYS[4])[1]
      local instance, seat = string.match(oldest, '^(.*) (%d+)$')
      redis.call('PUBLISH', ARGV[6] .. instance, ARGV[7] .. ' ' .. seat)
    end
  end
end
local after = tonumber(ARGV[2])
if after > redis.call('LLEN', KEYS[2]) then after = 0 end
return { after, record[1], record[2], record[3], redis.call('LRANGE', KEYS[2], after, -1) }
";

/// `KEYS`: the record, the log. `ARGV`: the moment.
const LOAD: &str = r"
local record = redis.call('HMGET', KEYS[1], 'v', 'b', 'f')
if not record[1] or tonumber(record[3]) <= tonumber(ARGV[1]) then return nil end
return { record[1], record[2], redis.call('LLEN', KEYS[2]) }
";

/// `KEYS`: the deadlines of a slot. `ARGV`: the moment, how many, when those that are taken are due
/// again, the records' names but for their keys.
const DUE: &str = r"
local due = {}
for _, key in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])) do
  if redis.call('EXISTS', ARGV[4] .. key) == 1 then
    redis.call('ZADD', KEYS[1], ARGV[3], key)
    due[#due + 1] = key
  else
    redis.call('ZREM', KEYS[1], key)
  end
end
return due
";

/// The generic cell rate algorithm. `KEYS`: the counter. `ARGV`: the moment, the milliseconds in which
/// one comes back, how many there are. The milliseconds to wait.
const TAKE: &str = r"
local now, each = tonumber(ARGV[1]), tonumber(ARGV[2])
local full_at = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now) + each
local wait = full_at - each * tonumber(ARGV[3]) - now
if wait > 0 then return math.ceil(wait) end
redis.call('SET', KEYS[1], full_at, 'PX', math.max(1, math.ceil(full_at - now)))
return 0
";

/// A step.
pub(super) struct Step {
    /// What it is counted as.
    request: &'static str,
    code: String,
    /// What Redis knows it by once it has seen it.
    hash: String,
}

/// A step with what it is to be done with.
pub(super) struct Call<'a> {
    step: &'a Step,
    keys: Vec<Vec<u8>>,
    arguments: Vec<Vec<u8>>,
}

impl Step {
    fn new(request: &'static str, code: String) -> Self {
        let hash = Script::new(&code).get_hash().to_owned();
        Self { request, code, hash }
    }

    pub(super) fn key(&self, key: String) -> Call<'_> {
        Call { step: self, keys: vec![key.into_bytes()], arguments: Vec::new() }
    }
}

impl Call<'_> {
    pub(super) fn key(&mut self, key: String) -> &mut Self {
        self.keys.push(key.into_bytes());
        self
    }

    pub(super) fn arg(&mut self, argument: impl ToRedisArgs) -> &mut Self {
        argument.write_redis_args(&mut self.arguments);
        self
    }

    /// A server that does not know the step is shown it: that one alone, for the other nodes of a
    /// cluster may be down.
    pub(super) async fn run<T: FromRedisValue>(&self, link: &Link) -> RedisResult<T> {
        let run = |name: &str, step: &str| {
            let mut command = redis::cmd(name);
            command.arg(step).arg(self.keys.len()).arg(&self.keys).arg(&self.arguments);
            command
        };
        match link.ask(self.step.request, &run("EVALSHA", &self.step.hash)).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                link.ask(self.step.request, &run("EVAL", &self.step.code)).await
            }
            answer => answer,
        }
    }
}

/// The steps.
pub(super) struct Scripts {
    pub(super) create: Step,
    pub(super) commit: Step,
    pub(super) read: Step,
    pub(super) load: Step,
    pub(super) due: Step,
    pub(super) take: Step,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            create: Step::new("create", format!("{PUT}{CREATE}")),
            commit: Step::new("commit", format!("{PUT}{COMMIT}")),
            read: Step::new("read", READ.to_owned()),
            load: Step::new("load", LOAD.to_owned()),
            due: Step::new("due", DUE.to_owned()),
            take: Step::new("limit", TAKE.to_owned()),
        }
    }
}
