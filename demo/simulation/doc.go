// Package simulation plays the demo city's devices: air, noise, rain, an underpass that
// floods, parking, a climate sensor over LoRaWAN, and the meters of homes. They are
// clients like any device: each connects to the hub's own broker with its own password
// and knows nothing of the hub but its address.
//
// Beside them run made-up trams (Trams), which tell a timetable and positions as a
// transport agency would.
//
// What they measure follows from a seed, the start and the time alone: two demos that
// started alike show the same. Mappings mark every entity as simulated.
package simulation
