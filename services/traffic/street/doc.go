// Package street is a made-up street with signals, in place of a real one: cars and buses that
// queue, turn and give way, people who wait to cross, and what detectors would see of them.
//
// Vehicles follow one another as in Newell (A simplified car-following theory: a lower order
// model, Transportation Research B 36, 2002), with a reaction of one second and 7.5 m from
// front to front, and leave a queue at most every two seconds (1,800 an hour). Times are
// seconds since the start, lengths metres.
//
// It knows the network and what the signals show. It shares no code with what decides.
package street
