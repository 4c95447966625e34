{#-
  A negative figure is the counterpart of a positive one: of the same supplier, the same in `by`, of the same size, in
  the period or the `months` months before. Or whoever `by` names had one in those months already, half as large or
  more. Looked at are those of `least` and more, since smaller figures need not be listed; and not of suppliers who had
  no negative one before: of those `signs_as_before` speaks.
-#}
{% test credits_a_payment(model, column, by, least, months) %}
{{ gate_config() }}
with earlier as (
    select _supplier, {{ by }} as payee, {{ column }} as figure from {{ earlier(model, months) }} as before
    where {{ column }} is not null
),
payments as (
    select _supplier, payee, figure from earlier
    union
    select _supplier, {{ by }}, {{ column }} from {{ model }} where _period = {{ period() }}
),
judged as (
    select credit._submission, credit._row, '{{ column }}' as "column",
        exists (
            select 1 from payments
            where payments._supplier = credit._supplier and payments.payee = credit.{{ by }}
                and payments.figure = -credit.{{ column }}
        ) or exists (
            select 1 from earlier
            where earlier._supplier = credit._supplier and earlier.payee = credit.{{ by }}
                and earlier.figure <= credit.{{ column }} / 2
        ) as holds
    from {{ model }} as credit
    where credit._period = {{ period() }} and credit.{{ column }} <= -{{ least }}
        and credit._supplier not in (select _supplier from earlier group by 1 having min(figure) >= 0)
)
{{ gate_result('judged') }}
{% endtest %}
