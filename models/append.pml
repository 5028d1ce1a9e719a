/* The journal: who may write what, and what counts. Checked for every order of events that the bounds allow.
 *
 * Rules: A1 to A4, R1 to R3, C1 to C3, E4 (docs/reference/protocol.md). Properties: S1 one history, S2 one leader a
 * term, S3 nothing acknowledged is lost; and that who only reads ends up with all of it.
 *
 * There are no clocks here: anybody may stand at any moment, and a pause or a death is a process that takes no more
 * steps. What was sent flies for ever: it lands at any moment, several times if the slot is empty again, also long
 * after its sender has given up, or never. That is what any number of retries with any delays can do.
 *
 * Bounds: NODES nodes, LAST segments, TERMS terms. Each slot is emptied at most EMPTIED times. Node 0 is a backup that
 * only reads. A planted bug is a define, BUG_1 and so on, with the numbers of docs/reference/simulator.md.
 */

#ifndef NODES
#define NODES 3
#endif
#ifndef LAST
#define LAST 5
#endif
#ifndef TERMS
#define TERMS 3
#endif
#ifndef EMPTIED
#define EMPTIED 1
#endif

/* A segment is a byte: kind, term, writer, and which bytes. 0: absent. */
#define ELECT 1
#define COMMIT 2
#define RESIGN 3
#define SEGMENT(kind, term, who) ((kind) + 4 * (term) + 16 * (who))
#define OTHER_BYTES 64
#define KIND(s) ((s) & 3)
#define TERM(s) (((s) >> 2) & 3)
#define WRITER(s) (((s) >> 4) & 3)
#define STAYS(s) (KIND(s) == ELECT || KIND(s) == RESIGN)

/* What a node is at. */
#define OFF 0
#define LOADING 1
#define READING 2
#define POST 3     /* has read an election or resignation; the boundary is to be read (R3) */
#define ABSENT 4   /* has found the next slot absent; the boundary is to be read (R2) */
#define SENT 5     /* an append is under way (A3) */
#define WON 6      /* its election is durable; the boundary is to be read (R3) */
#define LEADING 7
#define GONE 8     /* resigned */

byte slot[LAST + 2];       /* the store: journal/N */
byte snapshot;             /* the newest under snapshots/ */
byte boundary;             /* the largest under gc/ */
byte emptied[LAST + 1];
byte flying[NODES * (LAST + 1)];   /* what a node has ever sent for a slot */

byte phase[NODES];
byte head[NODES];          /* the last seq that it has read, and that counts */
byte term[NODES];
byte mine[NODES];          /* the segment under way, for slot head + 1; in POST the one that was read */
bit answered[NODES];       /* the store has said: created */

/* Only to judge by: what was the first in each slot, who led each term, what was refused. */
byte history[LAST + 1];
byte newest;
byte led[TERMS + 1];
#ifdef BUG_3
byte refused[LAST + 1];
#endif

byte k;                    /* of d_steps alone */

inline counts(i, s)        /* node i takes s in as its next segment */
{
	assert(s == history[head[i] + 1]);                   /* S1 */
	assert(TERM(s) >= term[i]);
	term[i] = TERM(s);
	head[i]++                                            /* last: `s` may be written with it */
}

inline send(i, s)
{
	mine[i] = s;
	answered[i] = 0;
	if
	:: slot[head[i] + 1] == 0 || !STAYS(slot[head[i] + 1]) -> flying[(i) * (LAST + 1) + head[i] + 1] = s
	:: else -> skip                                      /* it can never land */
	fi;
	phase[i] = SENT
}

inline done(i)             /* its append is durable, as far as it knows */
{
	assert(history[head[i] + 1] == mine[i]);             /* S3: what is acknowledged is in the history */
	counts(i, mine[i]);
	if
	:: KIND(mine[i]) == RESIGN -> phase[i] = GONE; head[i] = 0; term[i] = 0
	:: else -> phase[i] = LEADING
	fi;
	mine[i] = 0;
	answered[i] = 0
}

inline durable(i)
{
	if
	:: KIND(mine[i]) == ELECT -> phase[i] = WON; answered[i] = 0
	:: else -> done(i)
	fi
}

inline restart(i)          /* throws its state away */
{
	mine[i] = 0;
	answered[i] = 0;
	phase[i] = LOADING;
	head[i] = 0;
	term[i] = 0
}

#ifdef BUG_2
#define OURS(i) (WRITER(slot[head[i] + 1]) == i)
#else
#define OURS(i) (slot[head[i] + 1] == mine[i])
#endif

#ifdef BUG_9
#define BELOW(i) 0
#else
#define BELOW(i) (boundary > head[i])
#endif

#define MAY_STAND(i) (i > 0 && term[i] < TERMS && head[i] < LAST)

proctype Node(byte i)
{
end:	do
	:: d_step { phase[i] == OFF && (i < 2 || phase[i - 1] != OFF) -> phase[i] = LOADING }

	/* ---- reading */
	:: d_step { phase[i] == LOADING -> /* R1 */
		head[i] = snapshot;
		term[i] = TERM(history[snapshot]);
		phase[i] = READING }
	:: d_step { phase[i] == READING && head[i] < LAST && slot[head[i] + 1] != 0 ->
		if
#ifndef BUG_8
		:: STAYS(slot[head[i] + 1]) -> mine[i] = slot[head[i] + 1]; phase[i] = POST
#endif
		:: else -> counts(i, slot[head[i] + 1])
		fi }
	:: d_step { phase[i] == POST -> /* R3 */
		if
		:: boundary > head[i] -> restart(i)
		:: else -> counts(i, mine[i]); mine[i] = 0; phase[i] = READING
		fi }
	:: d_step { phase[i] == READING && head[i] < LAST && slot[head[i] + 1] == 0 && (MAY_STAND(i) || BELOW(i)) ->
		phase[i] = ABSENT }
	:: d_step { phase[i] == ABSENT -> /* R2, E4 */
		if
		:: BELOW(i) -> restart(i)
		:: else ->
			if
			:: MAY_STAND(i) -> send(i, SEGMENT(ELECT, term[i] + 1, i))
			:: else -> phase[i] = READING
			fi
		fi }

	/* ---- an append under way: A2, A3 */
	:: d_step { phase[i] == SENT && answered[i] -> durable(i) }
	:: d_step { phase[i] == SENT && slot[head[i] + 1] != 0 ->
		if
		:: OURS(i) -> durable(i)
		:: else -> restart(i)                            /* A4 */
		fi }
#if defined(BUG_2) || defined(BUG_4)
	:: d_step { phase[i] == SENT && KIND(mine[i]) == COMMIT && mine[i] < OTHER_BYTES ->
		mine[i] = mine[i] + OTHER_BYTES; answered[i] = 0 }
#endif
#ifdef BUG_3
	:: d_step { phase[i] == SENT && KIND(mine[i]) == COMMIT && history[head[i] + 1] != mine[i] && head[i] + 1 < LAST ->
		refused[head[i] + 1] = mine[i];
		head[i]++;
		mine[i] = 0; answered[i] = 0;
		phase[i] = LEADING }
#endif
#ifdef BUG_5
	:: d_step { phase[i] == SENT && KIND(mine[i]) != ELECT -> durable(i) }
#endif

	/* ---- leading */
	:: d_step { phase[i] == WON -> /* R3 */
		if
#ifndef BUG_7
		:: boundary > head[i] -> restart(i)
#endif
		:: else ->
			assert(led[term[i] + 1] == 0);                   /* S2 */
			led[term[i] + 1] = i + 1;
			done(i)
		fi }
	:: d_step { phase[i] == LEADING && head[i] < LAST -> send(i, SEGMENT(COMMIT, term[i], i)) }
	:: d_step { phase[i] == LEADING && head[i] < LAST -> send(i, SEGMENT(RESIGN, term[i], i)) }
	:: d_step { (phase[i] == LEADING || (phase[i] == SENT && KIND(mine[i]) != ELECT)) && head[i] > snapshot ->
		snapshot = head[i] }                             /* C1: never what is undecided */
#ifdef BUG_C1
	:: d_step { phase[i] == SENT && KIND(mine[i]) == COMMIT && head[i] + 1 > snapshot ->
		snapshot = head[i] + 1;
		assert(history[snapshot] == mine[i]) }
#endif
	od
}

inline nothing_flies(s)
{
	k = 0;
	do
	:: k < NODES -> flying[k * (LAST + 1) + s] = 0; k++
	:: else -> break
	od;
	k = 0
}

inline lands(s, what)
{
#ifdef BUG_1
	slot[s] = what;
#else
	if
	:: slot[s] == 0 -> slot[s] = what
	fi;
#endif
	if
	:: history[s] == 0 ->
		history[s] = what;
		newest = (s > newest -> s : newest);
#ifdef BUG_3
		assert(refused[s] != what);                      /* S3: what was refused never happens */
#endif
		assert(s == 1 || history[s - 1] != 0);           /* no gaps, and terms that only grow */
		if
		:: KIND(what) == ELECT -> assert(s == 1 || TERM(what) == TERM(history[s - 1]) + 1)
		:: else -> assert(TERM(what) == TERM(history[s - 1]) && WRITER(what) == WRITER(history[s - 1]))
		fi
	:: else -> skip
	fi;
#if !defined(BUG_1) && !defined(BUG_6)
	/* C3: this slot is taken for ever; nothing that flies to it can land any more. */
	if
	:: STAYS(what) || emptied[s] == EMPTIED ->
		nothing_flies(s)
	:: else -> skip
	fi
#endif
}

#define FLIES(i, s) flying[(i) * (LAST + 1) + (s)]
#if defined(BUG_2) || defined(BUG_4)
#define IS_MINE(i, s) 0     /* a lost answer: an answer must not be mixed up with that of the other bytes */
#else
#define IS_MINE(i, s) (phase[i] == SENT && head[i] + 1 == s && mine[i] == FLIES(i, s))
#endif
#ifdef BUG_1
#define FREE(i, s) (slot[s] != FLIES(i, s))
#else
#define FREE(i, s) (slot[s] == 0)
#endif

#define LAND(s) \
	:: d_step { FLIES(i, s) != 0 && FREE(i, s) -> \
		if \
		:: IS_MINE(i, s) -> answered[i] = 1 \
		:: else -> skip \
		fi; \
		lands(s, FLIES(i, s)) }

#define LAND_OTHER(s) \
	:: d_step { phase[i] == SENT && head[i] + 1 == s && mine[i] >= OTHER_BYTES && slot[s] == 0 -> \
		answered[i] = 1; \
		lands(s, mine[i]) }

/* What a node has sent, lands. */
proctype Network(byte i)
{
end:	do
	LAND(1)
	LAND(2)
	LAND(3)
	LAND(4)
#if LAST > 4
	LAND(5)
#endif
#if LAST > 5
	LAND(6)
#endif
#if defined(BUG_2) || defined(BUG_4)
	LAND_OTHER(2)
	LAND_OTHER(3)
	LAND_OTHER(4)
#endif
	od
}

#ifdef BUG_10
#define MAY_GO(s) (s <= snapshot && !STAYS(slot[s]))
#elif defined(BUG_6)
#define MAY_GO(s) (s <= boundary)
#else
#define MAY_GO(s) (s <= boundary && !STAYS(slot[s]))
#endif

#define DELETED(s) \
		assert(s <= snapshot);                           /* S3: what goes, a snapshot has */ \
		slot[s] = 0; \
		emptied[s]++

/* The second one: and nothing that still flies there will ever land. */
#define DELETE(s) \
	:: d_step { slot[s] != 0 && emptied[s] < EMPTIED && MAY_GO(s) -> DELETED(s) } \
	:: d_step { slot[s] != 0 && emptied[s] < EMPTIED && MAY_GO(s) -> DELETED(s); nothing_flies(s) }

/* C2, C3: the boundary, then what lies below it, in any order and at any later moment. */
proctype Housekeeping()
{
end:	do
	:: d_step { snapshot > boundary -> boundary = snapshot }
#ifdef BUG_10B
	:: d_step { snapshot > 0 && snapshot < newest && boundary <= snapshot -> boundary = snapshot + 1 }
#endif
	DELETE(1)
	DELETE(2)
	DELETE(3)
	DELETE(4)
#if LAST > 4
	DELETE(5)
#endif
#if LAST > 5
	DELETE(6)
#endif
	od
}

/* When nothing moves any more, who reads has read all. */
proctype Rest()
{
	byte i;
end:	atomic {
		timeout ->
		do
		:: i < NODES -> assert(phase[i] != READING || head[i] == newest); i++
		:: else -> break
		od }
}

init {
	byte i;
	atomic {
		do
		:: i < NODES -> run Node(i);
			if
			:: i > 0 -> run Network(i)
			:: else -> skip
			fi;
			i++
		:: else -> break
		od;
		run Housekeeping();
		run Rest()
	}
}
