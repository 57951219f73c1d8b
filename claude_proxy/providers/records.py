"""Records: the little of `dataclasses` that this program needs, made in a fiftieth of the time.

    @dataclass(frozen=True)                 # fields by annotation, defaults, field(), ==, hash and repr: as usual
    class Prices:
        input: Optional[float] = None

    replace(prices, input=0.28)

For each class the module `dataclasses` writes source text and compiles it, and to be able to do so it imports inspect,
ast and dis: a fifth of the time from the start to the first answer. Here all classes share five functions. Whoever
checks types sees the original.
"""
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass, field, fields, replace  # noqa: F401
else:
    NOTHING = object()

    class field:
        """What is special about a field: a default that is made anew for each record, a value that repr() hides."""

        __slots__ = "name", "default", "default_factory", "repr"
        init, _field_type = True, None          # what dataclasses.replace() looks at

        def __init__(self, default=NOTHING, default_factory=None, repr=True):
            self.name, self.default, self.default_factory, self.repr = "", default, default_factory, repr

    def dataclass(cls=None, frozen=False):
        """Make a class one of records; frozen ones cannot be changed."""
        return made(cls, frozen) if cls is not None else lambda cls: made(cls, frozen)

    def made(cls, frozen):
        """The class with its fields, and with the methods that all records share."""
        cls.record_fields = []
        for name in cls.__annotations__:
            value = cls.__dict__.get(name, NOTHING)
            found = value if isinstance(value, field) else field(value)
            found.name = name
            cls.record_fields.append(found)
            if found.default is not NOTHING:
                setattr(cls, name, found.default)
            elif value is not NOTHING:
                delattr(cls, name)
        cls.__dataclass_fields__ = {each.name: each for each in cls.record_fields}      # for dataclasses.replace()
        cls.record_names = tuple(found.name for found in cls.record_fields)
        cls.record_name_set = frozenset(cls.record_names)
        # Of a row that stays most is defaults, and they are the class's; what lives for a request has its own at hand.
        cls.record_defaults = {} if frozen else {
            each.name: each.default for each in cls.record_fields if each.default is not NOTHING}
        cls.record_required = frozenset(
            each.name for each in cls.record_fields if each.default is NOTHING and not each.default_factory)
        cls.record_factories = [(each.name, each.default_factory) for each in cls.record_fields if each.default_factory]
        cls.__init__, cls.__repr__, cls.__eq__, cls.__hash__ = _init, _repr, _eq, _hash if frozen else None
        if frozen:
            cls.__setattr__ = cls.__delattr__ = _refuse
        return cls

    def fields(record):
        """Its fields (or its class's): each has its .name."""
        return tuple(record.record_fields)

    def replace(record, **changes):
        """Another record with these fields changed."""
        return type(record)(**dict(record.__dict__, **changes))

    def _init(self, *values, **named):
        own, names = self.__dict__, self.record_names
        own.update(self.record_defaults)
        for name, make in self.record_factories:
            own[name] = make()
        if values:
            own.update(zip(names, values))
        own.update(named)
        every = self.record_defaults and len(own) == len(names) and not self.record_required    # name was there before
        right = every or self.record_required <= own.keys() <= self.record_name_set
        if not right or len(values) > len(names):
            raise TypeError("%s(%s) does not take %d values and %s"
                            % (type(self).__name__, ", ".join(names), len(values), ", ".join(named) or "no names"))

    def _repr(self):
        shown = ("%s=%r" % (each.name, getattr(self, each.name)) for each in self.record_fields if each.repr)
        return "%s(%s)" % (type(self).__qualname__, ", ".join(shown))

    def _eq(self, other):
        return _values(self) == _values(other) if type(other) is type(self) else NotImplemented

    def _hash(self):
        return hash(_values(self))

    def _values(self):
        return tuple(getattr(self, name) for name in self.record_names)

    def _refuse(self, name, *_):
        raise AttributeError("%s is fixed: its %s cannot change" % (type(self).__name__, name))
