/* Leases and office: who may act, and when. Checked for every order of events and any length of time.
 *
 * Rules: T1 to T6, E3 to E6, E8 (docs/reference/protocol.md). Properties: S4 (no two nodes may act at one moment of true
 * time), and with -DLIVE L1: from every state that trouble can lead to, once trouble ends there is a leader in office
 * within CALM ticks.
 *
 * That the journal is a journal is shown by append.pml; here it is its newest segment alone, and who has read that.
 * So nothing bounds the number of segments, terms, deaths or the time: the model has a finite number of states
 * because timers are finite. Anybody may stand at any moment (that is more than E3 allows), be slow, die, come back as
 * a new node with another time-out; what was sent lands at any later moment, or never; answers come at any moment.
 *
 * Time is a number of ticks. All clocks are at their worst: leaders' slow and candidates' fast, both at once, 20 % apart;
 * that allows all that any mixture of rates does, for a shorter lease and a longer wait only forbid. A time-out is
 * SHORT or LONG ticks by the fastest clock; a lease of 0.8 of it is 0.96 of that by the slowest, rounded up to as many ticks:
 * every rounding is against the protocol. With RATES a tick is a fifth of the time-out, and each run of a node has the
 * one clock or the other for all that it counts: leases of 4 or 5 ticks, waits of 5 or 6.
 *
 * A planted bug is a define, BUG_11 and so on, with the numbers of the protocol's list.
 */

#ifndef NODES
#define NODES 2
#endif
#define NOBODY NODES

#define NONE 0
#define ELECT 1
#define COMMIT 2
#define RESIGN 3

/* What a node is at. */
#define OFF 0
#define FOLLOWING 1      /* also one that stands: then an election is under way */
#define LEADING 2        /* has won; in office or waiting for it; also one that resigns */
#define DEPOSED 3
#define DEAD 4

/* What has become of an append: it flies, is in the journal, or other bytes are. */
#define FLIES 0
#define LANDED 1
#define LOST 2

/* The longest that a lease can last, and the shortest that a wait can, in ticks. */
#ifndef SHORT
#define SHORT 3
#endif
#ifndef LONG
#define LONG 5
#endif
#ifdef BUG_21
#define LEASE(i, long) ((long) -> (LONG * 6 + 4) / 5 : (SHORT * 6 + 4) / 5)
#elif defined(LIVE)
/* For L1 the other way round: the shortest leases, and the longest waits. */
#define LEASE(i, long) ((long) -> (LONG * 8) / 11 : (SHORT * 8) / 11)
#define WAIT(i, long) ((long) -> (LONG * 11 + 9) / 10 : (SHORT * 11 + 9) / 10)
#elif defined(RATES)
bit slow[NODES];
#define LEASE(i, long) (slow[i] -> LONG : (LONG * 4) / 5)
#define WAIT(i, long) (slow[i] -> (LONG * 6) / 5 : LONG)
#else
#define LEASE(i, long) ((long) -> LONG : SHORT)
#endif
#ifndef WAIT
#define WAIT(i, long) ((long) -> LONG : SHORT)
#endif

/* The newest segment. */
byte h_kind;
byte h_by = NOBODY;
bit h_long;              /* its timeout_ms */
bit h_office;            /* in_office */
bit h_clean;
bit h_dead;              /* its writer's process is gone, provably for the next run of the same home (E8) */

byte phase[NODES];
bit own_long[NODES];     /* its own time-out */
bit fresh[NODES];        /* has read the newest segment */
byte wait[NODES];        /* ticks left of T3's timer for the segment it read last; for one that leads: for its ground */
byte lease[NODES];
bit lease_long[NODES];
bit office[NODES];

byte under[NODES];       /* the kind of the append under way */
byte fate[NODES];
byte attempt[NODES];     /* ticks left of the lease that it will grant, from its first attempt on (T1) */
bit u_long[NODES];
bit u_office[NODES];
bit u_clean[NODES];

/* The ground of a candidate or winner: the segment before its election (E5). */
bit g_clear[NODES];      /* (b), (d) or (e) */
bit g_office[NODES];
bit g_over[NODES];       /* its writer has written `over` */
byte g_by[NODES];

/* What a dead run of a node had sent. */
byte stray[NODES];
bit s_long[NODES];
bit s_office[NODES];
bit s_clean[NODES];

byte k, kept, acting;

#ifdef BUG_13
byte since[NODES];       /* ticks since the read began, from 10 down; 0: none is under way */
#endif
#ifdef LIVE
byte calm;               /* ticks since trouble ended, plus one; 0: it has not ended */
bit beaten[NODES];       /* has appended since the last tick */
#endif

#define MAX(a, b) ((a) || (b))
#ifdef BUG_18
#define BINDS(i) own_long[i]
#else
#define BINDS(i) MAX(own_long[i], h_long)
#endif

#ifdef BUG_14
#define IS_CLEAR(i) 1
#elif defined(BUG_16)
#define IS_CLEAR(i) (g_clear[i] || wait[i] == 0 || g_over[i])
#else
#define IS_CLEAR(i) (g_clear[i] || wait[i] == 0 || (g_office[i] && g_over[i]))
#endif

/* T3: a lower time-out binds from the moment that it is sent. */
#ifdef BUG_20
#define VALID(i) (lease[i] > 0)
#else
#define VALID(i) (lease[i] > ((under[i] && lease_long[i] && !u_long[i]) -> LEASE(i, 1) - LEASE(i, 0) : 0))
#endif

#define MAY_ACT(i) (office[i] && VALID(i))

inline check_s4()
{
	acting = 0; k = 0;
	do
	:: k < NODES -> acting = acting + (MAY_ACT(k) -> 1 : 0); k++
	:: else -> break
	od;
	assert(acting <= 1);                                 /* S4 */
	acting = 0; k = 0
}

/* The append under way of a node, or of one that is dead, is in the journal now: nobody else's can be. */
inline newest(i, kind, long, in_office, clean, dead)
{
	h_kind = kind;
	h_by = i;
	h_long = long;
	h_office = in_office;
	h_clean = clean;
	h_dead = dead;
	k = 0;
	do
	:: k < NODES ->
		fresh[k] = 0;
		wait[k] = ((phase[k] == FOLLOWING && !under[k]) -> 0 : wait[k]);
		stray[k] = NONE; s_long[k] = 0; s_office[k] = 0; s_clean[k] = 0;
		if
		:: under[k] && fate[k] == FLIES -> fate[k] = LOST; attempt[k] = 0; u_office[k] = 0; u_clean[k] = 0
		:: else -> skip
		fi;
		k++
	:: else -> break
	od;
	k = 0
}

inline forget_append(i)
{
	under[i] = NONE; fate[i] = FLIES; attempt[i] = 0; u_long[i] = 0; u_office[i] = 0; u_clean[i] = 0
}

inline forget_ground(i)
{
	g_clear[i] = 0; g_office[i] = 0; g_over[i] = 0; g_by[i] = NOBODY
}

inline settle(i)           /* what is clear needs no more proof */
{
	if
	:: (phase[i] == LEADING || under[i]) && !office[i] && IS_CLEAR(i) -> forget_ground(i); g_clear[i] = 1; wait[i] = 0
	:: else -> skip
	fi
}

inline step_down(i, to)
{
	phase[i] = to;
	office[i] = 0; lease[i] = 0; lease_long[i] = 0; wait[i] = 0;
	forget_ground(i)
}

inline read(i)             /* T3: the timer starts when the read ends */
{
	fresh[i] = 1;
	wait[i] = (h_kind == NONE -> 0 : WAIT(i, BINDS(i)))
}

inline append(i, kind)
{
	under[i] = kind;
	fate[i] = (fresh[i] -> FLIES : LOST);
	u_office[i] = office[i] || IS_CLEAR(i);
	u_long[i] = (u_office[i] -> own_long[i] : MAX(own_long[i], (kind == ELECT -> h_long : lease_long[i])));
#ifdef BUG_19
	u_long[i] = (kind == ELECT -> own_long[i] : u_long[i]);
#endif
	attempt[i] = (kind == RESIGN -> 0 : LEASE(i, u_long[i]));
#ifdef LIVE
	beaten[i] = calm > 0;
#endif
}

inline decided(i)          /* its append is durable */
{
#ifdef BUG_12
	lease[i] = (under[i] == RESIGN -> 0 : LEASE(i, u_long[i]));
#else
	lease[i] = attempt[i];
#endif
	lease_long[i] = (under[i] == RESIGN -> 0 : u_long[i]);
	if
	:: under[i] == ELECT -> phase[i] = LEADING
	:: under[i] == COMMIT -> skip
	:: under[i] == RESIGN ->
		step_down(i, FOLLOWING);
		if
		:: fresh[i] -> wait[i] = WAIT(i, MAX(own_long[i], u_long[i]))
		:: else -> skip
		fi
	fi;
	forget_append(i);
	check_s4()
}

inline says_over(i)        /* T6 */
{
	k = 0;
	do
	:: k < NODES -> g_over[k] = g_over[k] || g_by[k] == i; settle(k); k++
	:: else -> break
	od;
	k = 0
}

#ifdef LIVE
#define TROUBLE (calm == 0)
#else
#define TROUBLE 1
#endif

/* E3, and a beat once a tick; in trouble, at any moment. */
#ifdef LIVE
#define DUE(i) (calm == 0 || wait[i] == 0 || h_kind == RESIGN || (h_dead && h_by == i && h_office))
#define AGAIN(i) (calm == 0 || !beaten[i])
#else
#define DUE(i) 1
#define AGAIN(i) 1
#endif
#ifdef BUG_25
#define BEATS(i) office[i]
#else
#define BEATS(i) 1
#endif

proctype Node(byte i)
{
	do
	/* ---- life and death */
#ifdef RATES
	:: d_step { TROUBLE && (phase[i] == OFF || phase[i] == DEAD) -> phase[i] = FOLLOWING; own_long[i] = 1; slow[i] = 0; read(i) }
	:: d_step { TROUBLE && (phase[i] == OFF || phase[i] == DEAD) -> phase[i] = FOLLOWING; own_long[i] = 1; slow[i] = 1; read(i) }
#else
	:: d_step { TROUBLE && (phase[i] == OFF || phase[i] == DEAD) -> phase[i] = FOLLOWING; own_long[i] = 0; read(i) }
#ifndef ONE_LENGTH
	:: d_step { TROUBLE && (phase[i] == OFF || phase[i] == DEAD) -> phase[i] = FOLLOWING; own_long[i] = 1; read(i) }
#endif
#endif
#ifndef NO_DEATH
	:: d_step { TROUBLE && phase[i] != OFF && phase[i] != DEAD ->
		if
		:: under[i] && fate[i] == FLIES ->
			stray[i] = under[i]; s_long[i] = u_long[i]; s_office[i] = u_office[i]; s_clean[i] = u_clean[i]
		:: else -> skip
		fi;
		h_dead = h_dead || h_by == i;
		forget_append(i);
		step_down(i, DEAD);
		fresh[i] = 0; own_long[i] = 0 }
	/* amp ha release (E8) */
#ifdef BUG_15B
	:: d_step { TROUBLE && phase[i] == DEAD && h_by == i && h_kind != RESIGN ->
#else
	:: d_step { TROUBLE && phase[i] == DEAD && h_by == i && h_kind != RESIGN && h_office ->
#endif
		newest(i, RESIGN, h_long, 1, 1, 1) }
	:: d_step { TROUBLE && stray[i] -> newest(i, stray[i], s_long[i], s_office[i], s_clean[i], 1) }
#endif

	/* ---- following */
#ifdef BUG_13
	:: d_step { phase[i] == FOLLOWING && !under[i] && !fresh[i] && since[i] == 0 -> since[i] = 10 }
	:: d_step { phase[i] == FOLLOWING && !under[i] && !fresh[i] && since[i] > 0 ->
		read(i);
		wait[i] = (wait[i] > 10 - since[i] -> wait[i] - (10 - since[i]) : 0);
		since[i] = 0 }
#else
	:: d_step { phase[i] == FOLLOWING && !under[i] && !fresh[i] -> read(i) }
#endif
	:: d_step { phase[i] == FOLLOWING && !under[i] && fresh[i] && DUE(i) -> /* E4 */
		g_clear[i] = h_kind == NONE || (h_kind == RESIGN && h_clean) || (h_dead && h_by == i && h_office);
		g_office[i] = h_office;
		g_by[i] = h_by;
		g_over[i] = 0;
		append(i, ELECT);
		settle(i) }

	/* ---- an append under way */
	:: d_step { under[i] && fate[i] == FLIES ->
		kept = attempt[i];
		newest(i, under[i], u_long[i], u_office[i], u_clean[i], 0);
		fate[i] = LANDED; attempt[i] = kept; kept = 0;
		fresh[i] = 1 }
	:: d_step { under[i] && fate[i] == LANDED -> decided(i) }
	:: d_step { under[i] == ELECT && fate[i] == LOST -> forget_append(i); forget_ground(i); wait[i] = 0 }
#ifdef BUG_16B
	:: d_step { phase[i] == LEADING && under[i] && fate[i] == LOST -> says_over(i) }
#endif
	:: d_step { phase[i] == LEADING && under[i] && fate[i] == LOST -> forget_append(i); step_down(i, DEPOSED) } /* A4 */
	:: d_step { phase[i] == DEPOSED -> says_over(i); phase[i] = FOLLOWING }
	:: d_step { TROUBLE && phase[i] == DEPOSED -> phase[i] = FOLLOWING }   /* and its record got lost */

	/* ---- leading */
	:: d_step { phase[i] == LEADING && !under[i] && AGAIN(i) && BEATS(i) -> append(i, COMMIT); settle(i) }   /* T1, T4, T5 */
	:: d_step { phase[i] == LEADING && under[i] != RESIGN && !office[i] && VALID(i) && IS_CLEAR(i) -> /* E5 */
		office[i] = 1;
		forget_ground(i); wait[i] = 0;
		check_s4() }
	:: d_step { TROUBLE && phase[i] == LEADING && !under[i] -> /* E6: the lease is given up first */
#ifdef BUG_17
		k = lease[i]; append(i, RESIGN); lease[i] = k; k = 0;
#else
		lease[i] = 0;
		append(i, RESIGN);
#endif
#ifdef BUG_15
		u_clean[i] = 1 }
#else
		u_clean[i] = office[i] }
#endif
#ifdef BUG_11
	:: d_step { phase[i] == LEADING && under[i] != RESIGN && office[i] -> lease[i] = LEASE(i, lease_long[i]); check_s4() }
#endif
#ifdef BUG_22
	:: d_step { lease[i] > 0 -> lease[i] = 0 }
#endif
	od
}

#define LESS(x) x = (x > 0 -> x - 1 : 0)

inline passes()
{
	i = 0;
	do
	:: i < NODES ->
		LESS(wait[i]);
#ifndef BUG_22
		LESS(lease[i]);
#endif
		LESS(attempt[i]);
#ifdef BUG_13
		since[i] = (since[i] > 1 -> since[i] - 1 : since[i]);
#endif
#ifdef LIVE
		beaten[i] = 0;
#endif
		settle(i);
		i++
	:: else -> break
	od;
	i = 0
}

#ifdef LIVE
/* Nothing is left that a live node, whose store answers, does at once. */
#define BUSY(i) (under[i] || phase[i] == DEPOSED || \
	(phase[i] == FOLLOWING && (!fresh[i] || DUE(i))) || \
	(phase[i] == LEADING && ((!beaten[i] && BEATS(i)) || (!office[i] && VALID(i) && IS_CLEAR(i)))))
#define ALIVE(i) (phase[i] != OFF && phase[i] != DEAD)

#if NODES == 2
#define ANY(what) (what(0) || what(1))
#else
#define ANY(what) (what(0) || what(1) || what(2))
#endif
#define IS_BUSY(i) (ALIVE(i) && BUSY(i))

/* A leader is in office: this run has shown what it was to show. */
inline rest()
{
	i = 0;
	do
	:: i < NODES -> forget_append(i); step_down(i, OFF); fresh[i] = 0; beaten[i] = 0; own_long[i] = 0; i++
	:: else -> break
	od;
	i = 0;
	newest(NOBODY, NONE, 0, 0, 0, 0)
}
#endif

proctype Time()
{
	byte i;
	do
#ifdef LIVE
	:: d_step { calm == 0 -> passes() }
	:: d_step { calm == 0 && ANY(ALIVE) && !ANY(MAY_ACT) -> calm = 1 }
	:: d_step { calm > 0 && calm <= CALM && ANY(MAY_ACT) -> rest(); calm = CALM + 1 }
	:: d_step { calm > 0 && calm <= CALM && !ANY(MAY_ACT) && !ANY(IS_BUSY) ->
		assert(calm < CALM);                             /* L1 */
		calm++;
		passes() }
	:: calm > CALM -> skip
#else
	:: d_step { passes() }
#endif
	od
}

init {
	byte i;
	atomic {
		do
		:: i < NODES -> forget_ground(i); run Node(i); i++
		:: else -> break
		od;
		i = 0;
		run Time()
	}
}
