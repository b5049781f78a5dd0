"""The serial cable: finding the port, owning it, knowing where the console's line is, and a shell on it.

The way of a byte: `ports` (which device) -> `port` (open, raw, exclusive) -> `recognise` (where is the line? pure) ->
`login` (from there to a shell that can be asked, and back again).
"""
